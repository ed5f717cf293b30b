# Every command with an allocation that fails, at every place (MSEG_OOM_ALL=1: all of them; else a sample). Not where coverage is
# counted: what gcc adds for that crashes itself when memory runs out.
if(CMAKE_BUILD_TYPE STREQUAL "Coverage")
  return()
endif()
add_library(fail_alloc MODULE oom/fail_alloc.c)
add_test(NAME oom COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/oom/test_oom.py $<TARGET_FILE:mseg>
                          $<TARGET_FILE:fail_alloc>)
set_tests_properties(oom PROPERTIES ENVIRONMENT "MSEG_SANITIZE=${MSEG_SANITIZE}")
