add_test(NAME house_layering COMMAND ${PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/house/layering.py ${PROJECT_SOURCE_DIR})
add_test(NAME house_pages COMMAND ${PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/house/pages.py ${PROJECT_SOURCE_DIR})
# Sanitizers add symbols of their own.
if(NOT MSEG_SANITIZE)
  add_test(NAME house_symbols COMMAND ${PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/house/symbols.py ${CMAKE_C_COMPILER}
                                      $<TARGET_FILE:mseg_static> $<TARGET_OBJECTS:mseg>
           COMMAND_EXPAND_LISTS)
endif()
