mseg_test(golden/test_golden.c base image kernels plan net weights heads seg)
mseg_test(golden/test_golden_u8.c base image kernels plan net weights heads seg)
mseg_program(golden/u8_maps.c base image kernels plan net weights heads seg)
add_test(NAME golden_exact_u8 COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/golden/test_exact_u8.py $<TARGET_FILE:mseg>
                                      $<TARGET_FILE:u8_maps>)
