mseg_test(weights/test_tflite.c weights net base)
mseg_test(weights/test_norm.c weights net base)
mseg_test(weights/test_forms.c weights net base)
