# The room train_double: lib/train and its kernels, the scalar ones, once more with doubles for floats (MSEG_TRAIN_DOUBLE), so that
# gradients can be held to finite differences and to PyTorch's in double. It stands for the rooms train and kernels.
file(GLOB train_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/lib/train/*.c ${PROJECT_SOURCE_DIR}/lib/kernels/train/*.c)
list(FILTER train_sources EXCLUDE REGEX "__(avx|zen)[a-z0-9]*\\.c$")
add_library(mseg_train_double OBJECT ${train_sources})
target_include_directories(mseg_train_double PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/lib)
target_compile_definitions(mseg_train_double PRIVATE MSEG_TRAIN_DOUBLE)
target_compile_options(mseg_train_double PRIVATE -ffp-contract=off)

# A program in float, and in double as name_double. mseg_train_test: both as tests.
function(mseg_train_program source)
  get_filename_component(name ${source} NAME_WE)
  mseg_program_as(${name} ${source} train kernels weights net base)
  mseg_program_as(${name}_double ${source} train_double weights net base)
  target_compile_definitions(${name}_double PRIVATE MSEG_TRAIN_DOUBLE)
endfunction()

function(mseg_train_test source)
  mseg_train_program(${source})
  get_filename_component(name ${source} NAME_WE)
  add_test(NAME ${name} COMMAND ${name})
  add_test(NAME ${name}_double COMMAND ${name}_double)
endfunction()

mseg_train_test(train/test_loss.c)
mseg_train_test(train/test_optimiser.c)
set_tests_properties(test_optimiser PROPERTIES LABELS tsan)
mseg_train_program(train/loss_of.c)
add_test(NAME train_loss COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/train/test_loss.py $<TARGET_FILE:loss_of>
                                 $<TARGET_FILE:loss_of_double>)
mseg_train_program(train/steps_of.c)
add_test(NAME train_optimiser COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/train/test_optimiser.py $<TARGET_FILE:steps_of>
                                      $<TARGET_FILE:steps_of_double>)

# Data of training.
foreach(name data data_order data_look basis teacher speed widen)
  mseg_test(train/test_${name}.c base image kernels plan net weights train heads seg)
  set_tests_properties(test_${name} PROPERTIES LABELS tsan)
endforeach()

# The engine, in double.
mseg_program_as(test_gradients train/test_gradients.c train_double weights net base)
target_compile_definitions(test_gradients PRIVATE MSEG_TRAIN_DOUBLE)
add_test(NAME test_gradients COMMAND test_gradients)
mseg_train_program(train/engine_of.c)
add_test(NAME train_engine COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/train/test_engine.py $<TARGET_FILE:engine_of>
                                   $<TARGET_FILE:engine_of_double>)

# docs/training.md, in a short form.
add_test(NAME train_page COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/train/test_page.py $<TARGET_FILE:mseg>)
set_tests_properties(train_page PROPERTIES ENVIRONMENT "MSEG_SANITIZE=${MSEG_SANITIZE}")
