# Case files (exact stdout, stderr and exit status) and a script that reads the outputs back with Pillow and NumPy.
file(GLOB cases CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cli/cases/*.case)
foreach(case ${cases})
  get_filename_component(name ${case} NAME_WE)
  add_test(NAME cli_${name} COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/cli/run.py $<TARGET_FILE:mseg> ${case})
endforeach()
add_test(NAME cli_batch COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/cli/test_batch.py $<TARGET_FILE:mseg>)
add_test(NAME cli_mass COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/cli/test_mass.py $<TARGET_FILE:mseg>)
add_test(NAME cli_hostile COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/cli/test_hostile.py $<TARGET_FILE:mseg>)
set_tests_properties(cli_batch cli_mass cli_hostile PROPERTIES ENVIRONMENT "MSEG_SANITIZE=${MSEG_SANITIZE}")
if(MSEG_SANITIZE MATCHES thread) # threads over images and inside one
  add_test(NAME cli_threads COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/cli/test_batch.py $<TARGET_FILE:mseg>
                                    Batch.test_threads_change_nothing)
  set_tests_properties(cli_threads PROPERTIES LABELS tsan)
endif()
add_test(NAME cli_get_model COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/cli/test_get_model.py ${PROJECT_SOURCE_DIR})
foreach(name activations bench classifier foreign_models geometry json kinds labels orientation range training)
  add_test(NAME cli_${name} COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/cli/test_${name}.py $<TARGET_FILE:mseg>)
endforeach()
add_library(no_tmpfile MODULE cli/no_tmpfile.c)
add_test(NAME cli_leftovers COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/cli/test_leftovers.py $<TARGET_FILE:mseg>
                                    $<TARGET_FILE:no_tmpfile>)
set_tests_properties(cli_leftovers PROPERTIES ENVIRONMENT "MSEG_SANITIZE=${MSEG_SANITIZE}")
add_library(meanwhile MODULE cli/meanwhile.c)
add_test(NAME cli_resume COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/cli/test_resume.py $<TARGET_FILE:mseg>
                                 $<TARGET_FILE:meanwhile>)
set_tests_properties(cli_resume PROPERTIES ENVIRONMENT "MSEG_SANITIZE=${MSEG_SANITIZE}")
add_library(few_threads MODULE cli/few_threads.c)
target_link_libraries(few_threads PRIVATE ${CMAKE_DL_LIBS})
add_test(NAME cli_few_threads COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/cli/test_threads.py $<TARGET_FILE:mseg>
                                      $<TARGET_FILE:few_threads>)
set_tests_properties(cli_few_threads PROPERTIES ENVIRONMENT "MSEG_SANITIZE=${MSEG_SANITIZE}")
add_test(NAME cli_stops COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/cli/test_stops.py $<TARGET_FILE:mseg>)
set_tests_properties(cli_stops PROPERTIES ENVIRONMENT "MSEG_SANITIZE=${MSEG_SANITIZE}")
add_test(NAME cli_refusals COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/cli/test_refusals.py $<TARGET_FILE:mseg>)
set_tests_properties(cli_refusals PROPERTIES ENVIRONMENT "MSEG_SANITIZE=${MSEG_SANITIZE}")
add_test(NAME cli_quantise COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/cli/test_quantise.py $<TARGET_FILE:mseg>
                              ${PROJECT_SOURCE_DIR}/data/mseg-voc-small.tflite)
