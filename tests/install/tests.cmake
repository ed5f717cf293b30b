# mseg as other projects use it. The instrumented builds' libraries ask their users for the same instruments.
find_program(CXX NAMES c++ g++ clang++)
if(CXX AND NOT MSEG_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Coverage")
  foreach(class Static Shared Subproject)
    string(TOLOWER install_${class} name)
    add_test(NAME ${name} COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/install/test_install.py ${PROJECT_SOURCE_DIR}
                                  ${PROJECT_BINARY_DIR} ${CMAKE_C_COMPILER} ${CXX} ${class})
    set_tests_properties(${name} PROPERTIES LABELS install)
  endforeach()
  foreach(class Examples Page)
    string(TOLOWER install_${class} name)
    add_test(NAME ${name} COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/install/test_examples.py ${PROJECT_SOURCE_DIR}
                                  ${PROJECT_BINARY_DIR} ${CMAKE_C_COMPILER} ${CXX} ${class})
    set_tests_properties(${name} PROPERTIES LABELS install)
  endforeach()
endif()
