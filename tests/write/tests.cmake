mseg_program(write/convert_file.c base net weights write heads seg image kernels plan)
mseg_program(write/write_onnx.c write weights net heads seg plan kernels image base)
mseg_test(write/test_safetensors.c base net weights write heads seg image kernels plan)
mseg_program(write/write_safetensors.c base net weights write heads seg image kernels plan)
add_test(NAME write_safetensors COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/write/test_safetensors.py
                                        $<TARGET_FILE:write_safetensors>)
