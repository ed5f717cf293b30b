mseg_test(convert/test_convert_options.c base image kernels plan net weights write heads seg)
add_test(NAME convert COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/convert/test_convert.py $<TARGET_FILE:mseg>)
