#!/bin/sh
# From a fresh checkout to segmented photos: ./demo.sh [PATH...] (photos or folders of them; default: ../shared/images, else
# data/samples). Ends with 2 when no model is to be had.
set -eu
root=$(cd "$(dirname "$0")" && pwd)
"$root/.ci/install" build

echo "building $root/build/release/mseg ..."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
tests=OFF # they need cmocka
! pkg-config --exists cmocka || tests=ON
if ! (cd "$root" && cmake --preset release -DMSEG_TESTS=$tests && cmake --build --preset release --target mseg) >"$log" 2>&1; then
    cat "$log" >&2
    echo "demo.sh: the build failed (output above)" >&2
    exit 1
fi
model=$("$root/data/get-model.sh") || exit 2

if [ $# = 0 ]; then
    if [ -d "$root/../shared/images" ]; then
        set -- "$root/../shared/images"
    else
        set -- "$root/data/samples"
    fi
fi
echo "segmenting $* with $model ..."
status=0
"$root/build/release/mseg" run -m "$model" -o mseg-out/masks --overlay=mseg-out/overlays --json mseg-out/run.jsonl "$@" || status=$?
[ "$status" != 2 ] || exit 2
echo
echo "Look at:  $PWD/mseg-out/overlays   photos with the classes painted over"
echo "          $PWD/mseg-out/masks      the masks: indexed PNG, VOC palette, pixel = class id"
echo "          $PWD/mseg-out/run.jsonl  a line per image: sizes, milliseconds, pixels per class"
exit "$status"
