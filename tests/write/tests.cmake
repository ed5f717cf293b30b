mseg_program(write/write_onnx.c write weights net heads seg plan kernels image base)
mseg_program(write/scores_of.c write weights net heads seg plan kernels image base)
add_test(NAME write_onnx COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/write/test_onnx.py $<TARGET_FILE:write_onnx> $<TARGET_FILE:scores_of>)
add_test(NAME write_onnx_ort COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/write/test_ort.py $<TARGET_FILE:write_onnx> $<TARGET_FILE:scores_of>)
