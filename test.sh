#!/bin/sh
# Builds the program and runs all its tests. Arguments go to ctest: ./test.sh -R cli
set -eu
cd "$(dirname "$0")"
.ci/install build test
cmake --preset release -DMSEG_TESTS=ON
cmake --build --preset release
ctest --preset release --no-tests=error -j "$(nproc)" "$@"
