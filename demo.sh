#!/bin/sh
# From a fresh checkout to segmented photos: ./demo.sh [PATH...] (photos or folders of them; default: $MSEG_SHARED/images or
# ../shared/images, else three photos that Debian ships, else data/samples). Model: $MSEG_MODEL, else what data/get-model.sh finds
# or downloads, else the one built in. Needs nothing but Debian's packages.
set -eu
root=$(cd "$(dirname "$0")" && pwd)
"$root/.ci/install" build
"$root/.ci/install" demo || true # without a model to be downloaded the built-in one runs

echo "building $root/build/release/mseg ..."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
tests=OFF # they need cmocka
! pkg-config --exists cmocka || tests=ON
if ! (cd "$root" && cmake --preset release -DMSEG_TESTS=$tests && cmake --build --preset release --target mseg mseg_static mseg_shared) >"$log" 2>&1; then
    cat "$log" >&2
    echo "demo.sh: the build failed (output above)" >&2
    exit 1
fi
[ -n "${MSEG_MODEL-}" ] || ! model=$("$root/data/get-model.sh") || export MSEG_MODEL="$model"

if [ $# = 0 ]; then
    shared=${MSEG_SHARED:-$root/../shared}
    if [ -f "$shared/models/SOURCES.md" ] && [ -d "$shared/images" ]; then
        set -- "$shared/images"
    elif "$root/data/get-photos.sh" "$root/build/photos"; then
        set -- "$root/build/photos"
    else
        set -- "$root/data/samples"
    fi
fi
echo "segmenting $* ..."
status=0
"$root/build/release/mseg" run -o mseg-out/masks --overlay=mseg-out/overlays --json mseg-out/run.jsonl "$@" || status=$?
[ "$status" != 2 ] || exit 2
echo
echo "Look at:  $PWD/mseg-out/overlays   photos with the classes painted over"
echo "          $PWD/mseg-out/masks      the masks: indexed PNG, VOC palette, pixel = class id"
echo "          $PWD/mseg-out/run.jsonl  a line per image: model, sizes, milliseconds, pixels per class"
exit "$status"
