# The paper's networks against PyTorch (full_size.py, by hand, does it once at 513 x 513), its inference strategies, tables and classifier.
mseg_test(paper/test_paper.c base image kernels plan net weights heads seg)
mseg_test(paper/test_strategies.c base image kernels plan net weights heads seg)
foreach(script tables classify)
  add_test(NAME paper_${script} COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/paper/test_${script}.py $<TARGET_FILE:mseg>)
endforeach()
