mseg_test(weights/test_tflite.c weights net base)
mseg_test(weights/test_norm.c weights net base)
mseg_test(weights/test_foreign.c weights net base)
mseg_test(weights/test_tflite_kind.c weights net base)
