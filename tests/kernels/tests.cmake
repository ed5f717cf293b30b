mseg_test(kernels/test_gemm.c kernels base)
mseg_test(kernels/test_dwconv.c kernels base)
mseg_test(kernels/test_pixels.c kernels base)
mseg_test(kernels/test_softmax.c kernels base)
