mseg_test(write/test_write_tflite.c base net weights write heads seg image kernels plan)
target_link_options(test_write_tflite PRIVATE LINKER:--wrap=calloc)
mseg_test(write/test_write_logits.c base net weights write heads seg image kernels plan)
mseg_program(write/convert_file.c base net weights write heads seg image kernels plan)
mseg_program(write/run_file.c base net weights write heads seg image kernels plan)
add_test(NAME write_node COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/write/test_node.py $<TARGET_FILE:convert_file>
                                 $<TARGET_FILE:run_file>)
add_test(NAME write_flatc COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/write/test_flatc.py $<TARGET_FILE:convert_file>)
mseg_program(write/write_onnx.c write weights net heads seg plan kernels image base)
mseg_test(write/test_safetensors.c base net weights write heads seg image kernels plan)
mseg_program(write/write_safetensors.c base net weights write heads seg image kernels plan)
add_test(NAME write_safetensors COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/write/test_safetensors.py
                                        $<TARGET_FILE:write_safetensors>)
