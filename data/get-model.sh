#!/bin/sh
# data/get-model.sh [NAME]: puts a model of models.txt (the first, or NAME with or without its extension) where mseg looks for it,
# the cache $XDG_CACHE_HOME/mseg (~/.cache/mseg), and prints its path. It is taken from $MSEG_MODELS (a folder), the models of
# $MSEG_SHARED or of ../shared beside the checkout (a folder that has models/SOURCES.md) or the cache itself, else downloaded; only
# a file with the right sha256 counts. --list prints the names.
# Of an archive (.tar.gz) its frozen_inference_graph.pb becomes NAME.pb, and both sums are kept in the cache as NAME.sha256: where
# models.txt has none (-), all later archives must be the first one.
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
row=$(rows | awk -v name="${1-}" '{ stem = $1; sub(/[.][a-z]+$/, "", stem) } name == "" || $1 == name || stem == name { print; exit }')
if [ -z "$row" ]; then
    say "no model is called '$1'; --list prints the names"
    exit 2
fi
# shellcheck disable=SC2086 # four words
set -- $row
name=$1 url=$2 sum=$3

sum_of() {
    sha256sum <"$1" | cut -d' ' -f1
}

right() {
    [ -f "$1" ] || return 1
    [ -z "$sum" ] || [ "$(sum_of "$1")" = "$sum" ] && return 0
    say "$1 is not $meant (its sha256 differs); left alone"
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
archive=
meant="the file that models.txt means"
case $url in
*.tar.gz) archive=${url##*/} ;;
esac
wanted=${archive:-$name} # the file that is looked for
record=$cache/${name%.*}.sha256

# The sum of the file of that name in the record; nothing when there is none.
recorded() {
    [ ! -f "$record" ] || awk -v name="$1" '$2 == name { print $1; exit }' "$record"
}

if [ "$sum" = - ]; then
    sum=$(recorded "$archive")
    meant="the file that was there first, see $record"
fi
if [ -n "$archive" ] && [ -f "$cache/$name" ] && [ "$(recorded "$archive") $(recorded "$name")" = "$sum $(sum_of "$cache/$name")" ]; then
    echo "$cache/$name"
    exit 0
fi
for folder in ${MSEG_MODELS:+"$MSEG_MODELS"} "$shared" "$cache"; do
    if right "$folder/$wanted"; then
        found=$folder/$wanted
        break
    fi
done
if [ "$found" = "$cache/$name" ]; then
    echo "$found"
    exit 0
fi

# Into the cache, whole or not at all: in a temporary folder until its sum is known to be right.
temporary=
trap '[ -z "$temporary" ] || rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM
if ! mkdir -p "$cache" 2>/dev/null || ! temporary=$(mktemp -d "$cache/.$name.XXXXXX" 2>/dev/null); then
    if [ -n "$found" ] && [ -z "$archive" ]; then
        echo "$found"
        exit 0
    fi
    say "cannot write to $cache; set XDG_CACHE_HOME to a folder that can be written to"
    exit 2
fi
got=$temporary/got

download() {
    if command -v curl >/dev/null 2>&1; then
        curl -fsSL --proto '=https' --connect-timeout 5 --speed-limit 1000 --speed-time 5 -o "$got" "$url" 2>/dev/null
    elif command -v wget >/dev/null 2>&1; then
        wget -q --https-only --timeout=5 --tries=1 -O "$got" "$url"
    else
        say "neither curl nor wget is installed"
        return 1
    fi
}

# The graph out of the archive, and the record. Nothing is unpacked by the names that stand in the archive.
unpack() {
    if ! members=$(tar -tzf "$got" 2>/dev/null); then
        say "no model: what came from ${found:-$url} is not a whole .tar.gz archive"
        return 1
    fi
    member=$(printf '%s\n' "$members" | grep -xE '[A-Za-z0-9][A-Za-z0-9_.-]*/frozen_inference_graph\.pb')
    case $member in
    "" | *"
"*) ;; # none, or several
    *)
        if ! tar -xzOf "$got" "$member" >"$temporary/graph" 2>/dev/null; then
            say "cannot unpack $member into $cache"
            return 1
        fi
        ;;
    esac
    if [ ! -s "$temporary/graph" ]; then
        say "no model: what came from ${found:-$url} has no frozen_inference_graph.pb, or several"
        return 1
    fi
    printf '%s  %s\n' "$(sum_of "$got")" "$archive" "$(sum_of "$temporary/graph")" "$name" >"$temporary/record" || return 1
    [ -n "$sum" ] || say "sha256 $(sum_of "$got") of $archive recorded in $record; compare it with what others have, models.txt knows none"
    mv -f "$temporary/record" "$record" && mv -f "$temporary/graph" "$got"
}

if [ -n "$found" ]; then
    cp "$found" "$got"
else
    say "downloading $url"
    if ! download; then
        say "no model: no right $wanted in $places$cache, and it cannot be downloaded from $url; put it into $cache by hand"
        exit 2
    fi
fi
if ! right "$got" 2>/dev/null; then
    say "no model: what came from ${found:-$url} is not $meant (its sha256 differs)"
    exit 2
fi
[ -z "$archive" ] || unpack || exit 2
chmod 644 "$got"
mv -f "$got" "$cache/$name"
echo "$cache/$name"
