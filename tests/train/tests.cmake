# Data of training.
mseg_test(train/test_data.c base image kernels plan net weights train heads seg)
set_tests_properties(test_data PROPERTIES LABELS tsan)
