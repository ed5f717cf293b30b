mseg_test(seg/test_labels.c base image kernels graph weights heads seg)
mseg_test(seg/test_preprocess.c base image kernels graph weights heads seg)
mseg_test(seg/test_arguments.c base image kernels graph weights heads seg)
mseg_test(seg/test_text_files.c base image kernels graph weights heads seg)
