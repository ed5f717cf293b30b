mseg_program(write/convert_file.c base net weights write heads seg image kernels plan)
