# Data of training.
foreach(name data data_order data_look)
  mseg_test(train/test_${name}.c base image kernels plan net weights train heads seg)
  set_tests_properties(test_${name} PROPERTIES LABELS tsan)
endforeach()
