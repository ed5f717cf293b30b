mseg_program(write/convert_file.c base net weights write heads seg image kernels plan)
mseg_program(write/write_onnx.c write weights net heads seg plan kernels image base)
