mseg_test(golden/test_golden.c base image kernels plan net weights heads seg)
mseg_test(golden/test_golden_u8.c base image kernels plan net weights heads seg)
