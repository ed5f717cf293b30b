mseg_program(write/write_onnx.c write weights net heads seg plan kernels image base)
