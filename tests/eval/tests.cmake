mseg_test(eval/test_counts_damage.c base image kernels plan net weights heads seg)
mseg_test(eval/test_metrics.c base image kernels plan net weights heads seg)
mseg_test(eval/test_counts_file.c base image kernels plan net weights heads seg)
mseg_test(eval/test_bootstrap.c base image kernels plan net weights heads seg)
mseg_test(eval/test_compare.c base image kernels plan net weights heads seg)
# mseg eval as a program: against NumPy and Pillow, as several processes, its page in a real browser, and under a real Slurm.
foreach(name cli masks names judging compare shared page slurm)
  add_test(NAME eval_${name} COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/eval/test_${name}.py $<TARGET_FILE:mseg>)
  set_tests_properties(eval_${name} PROPERTIES ENVIRONMENT "MSEG_SANITIZE=${MSEG_SANITIZE}")
endforeach()
# Threads over images, under the thread sanitizer.
add_test(NAME eval_threads COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/eval/test_cli.py $<TARGET_FILE:mseg>
                                   Output.test_threads_change_nothing)
set_tests_properties(eval_threads PROPERTIES LABELS tsan ENVIRONMENT "MSEG_SANITIZE=${MSEG_SANITIZE}")
