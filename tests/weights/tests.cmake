mseg_test(weights/test_tflite.c weights net base)
