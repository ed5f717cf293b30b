#!/bin/sh
# fuzz.sh replay FUZZER FOLDER...: runs a fuzzer on every file of these folders. fuzz.sh search FUZZER FOLDER...: makes new inputs
# out of them for 15 seconds. What crashes is left beside the fuzzer; once mended, it belongs into tests/fuzz/corpus.
set -eu
mode=$1 fuzzer=$2
shift 2
export ASAN_OPTIONS=allocator_may_return_null=1
folders=
for folder in "$@"; do
    [ ! -d "$folder" ] || folders="$folders $folder"
done
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
limits="-timeout=20 -rss_limit_mb=2048 -max_len=65536 -artifact_prefix=$fuzzer-"
# shellcheck disable=SC2086 # lists of words
case $mode in
replay)
    "$fuzzer" $limits -runs=0 $folders 2>"$found/log" || { cat "$found/log"; exit 1; }
    grep 'seed corpus: files:' "$found/log" # none: not what was asked for
    ;;
search) "$fuzzer" $limits -seed=1 -max_total_time=15 -print_final_stats=1 "$found" $folders ;;
*) exit 2 ;;
esac
