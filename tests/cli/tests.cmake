# Case files (exact stdout, stderr and exit status) and a script that reads the outputs back with Pillow and NumPy.
file(GLOB cases CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cli/cases/*.case)
foreach(case ${cases})
  get_filename_component(name ${case} NAME_WE)
  add_test(NAME cli_${name} COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/cli/run.py $<TARGET_FILE:mseg> ${case})
endforeach()
add_test(NAME cli_batch COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/cli/test_batch.py $<TARGET_FILE:mseg>)
# Threads over images and inside one, under the thread sanitizer.
add_test(NAME cli_threads COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/cli/test_batch.py $<TARGET_FILE:mseg>
                                  Batch.test_threads_change_nothing)
set_tests_properties(cli_threads PROPERTIES LABELS tsan)
set_tests_properties(cli_batch cli_threads PROPERTIES ENVIRONMENT "MSEG_SANITIZE=${MSEG_SANITIZE}")
add_test(NAME cli_get_model COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/cli/test_get_model.py ${CMAKE_SOURCE_DIR})
