mseg_test(unit/test_alloc.c base)
mseg_test(unit/test_cpu.c base)
mseg_test(unit/test_json.c base)
mseg_test(unit/test_output.c base)
target_link_options(test_output PRIVATE -Wl,--wrap=open,--wrap=renameat2,--wrap=link) # to play file systems that lack these
mseg_test(unit/test_pool.c base)
target_link_options(test_pool PRIVATE -Wl,--wrap=pthread_create) # so that the test can play a system that starts no more threads
set_tests_properties(test_pool PROPERTIES LABELS tsan)
mseg_test(unit/test_processors.c base)
mseg_test(unit/test_palette.c seg heads plan net weights kernels image base)
mseg_test(unit/test_overlay.c seg heads plan net weights kernels image base)
