mseg_test(golden/test_golden.c base image kernels graph weights heads seg)
