mseg_test(graph/test_graph.c graph kernels base)
set_tests_properties(test_graph PROPERTIES LABELS tsan)
mseg_test(graph/test_plan.c graph kernels base)
target_link_options(test_plan PRIVATE LINKER:--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc)
