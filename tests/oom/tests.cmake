# Every command with an allocation that fails, at every place (MSEG_OOM_ALL=1: all of them; else a sample).
add_library(fail_alloc MODULE oom/fail_alloc.c)
add_test(NAME oom COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/oom/test_oom.py $<TARGET_FILE:mseg>
                          $<TARGET_FILE:fail_alloc>)
set_tests_properties(oom PROPERTIES ENVIRONMENT "MSEG_SANITIZE=${MSEG_SANITIZE}")
