#!/bin/sh
# data/get-model.sh [NAME]: puts a model of models.txt (the first, or NAME with or without .tflite) where mseg looks for it, the
# cache $XDG_CACHE_HOME/mseg (~/.cache/mseg), and prints its path. It is taken from $MSEG_MODELS (a folder), the models of
# $MSEG_SHARED or of ../shared beside the checkout (a folder that has models/SOURCES.md) or the cache itself, else downloaded; only
# a file with the right sha256 counts. --list prints the names.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
list=$here/models.txt

say() {
    echo "get-model.sh: $*" >&2
}

rows() {
    grep -v '^#' "$list"
}

if [ "${1-}" = --list ]; then
    rows | cut -d' ' -f1
    exit 0
fi
row=$(rows | awk -v name="${1-}" 'name == "" || $1 == name || $1 == name ".tflite" { print; exit }')
if [ -z "$row" ]; then
    say "no model is called '$1'; --list prints the names"
    exit 2
fi
# shellcheck disable=SC2086 # four words
set -- $row
name=$1 url=$2 sum=$3

right() {
    [ -f "$1" ] || return 1
    [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$sum" ] && return 0
    say "$1 is not the file that models.txt means (its sha256 differs); left alone"
    return 1
}

found=
cache=${XDG_CACHE_HOME:-${HOME:-}/.cache}/mseg
shared=${MSEG_SHARED:-$here/../../shared}/models
places=${MSEG_MODELS:+"$MSEG_MODELS, "}
if [ -f "$shared/SOURCES.md" ]; then
    places="$places$shared, "
else
    shared=$cache
fi
for folder in ${MSEG_MODELS:+"$MSEG_MODELS"} "$shared" "$cache"; do
    if right "$folder/$name"; then
        found=$folder/$name
        break
    fi
done
if [ "$found" = "$cache/$name" ]; then
    echo "$found"
    exit 0
fi

# Into the cache, whole or not at all: under a temporary name until its sum is known to be right.
temporary=
trap '[ -z "$temporary" ] || rm -f "$temporary"' EXIT
trap 'exit 130' INT TERM
if ! mkdir -p "$cache" 2>/dev/null || ! temporary=$(mktemp "$cache/.$name.XXXXXX" 2>/dev/null); then
    if [ -n "$found" ]; then
        echo "$found"
        exit 0
    fi
    say "cannot write to $cache; set XDG_CACHE_HOME to a folder that can be written to"
    exit 2
fi

download() {
    if command -v curl >/dev/null 2>&1; then
        curl -fsSL --proto '=https' --connect-timeout 5 --speed-limit 1000 --speed-time 5 -o "$temporary" "$url" 2>/dev/null
    elif command -v wget >/dev/null 2>&1; then
        wget -q --https-only --timeout=5 --tries=1 -O "$temporary" "$url"
    else
        say "neither curl nor wget is installed"
        return 1
    fi
}

if [ -n "$found" ]; then
    cp "$found" "$temporary"
else
    say "downloading $url"
    if ! download; then
        say "no model: no right $name in $places$cache, and it cannot be downloaded from $url; put it into $cache by hand"
        exit 2
    fi
fi
if ! right "$temporary" 2>/dev/null; then
    say "no model: what came from ${found:-$url} is not the file that models.txt means (its sha256 differs)"
    exit 2
fi
chmod 644 "$temporary"
mv -f "$temporary" "$cache/$name"
temporary=
echo "$cache/$name"
