mseg_test(write/test_safetensors.c base net weights write heads seg image kernels plan)
mseg_program(write/write_safetensors.c base net weights write heads seg image kernels plan)
add_test(NAME write_safetensors COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/write/test_safetensors.py
                                        $<TARGET_FILE:write_safetensors>)
