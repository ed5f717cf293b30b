mseg_test(golden/test_golden.c base image kernels plan net weights heads seg)
