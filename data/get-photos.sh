#!/bin/sh
# data/get-photos.sh FOLDER: puts three free photos that Debian ships (package python3-skimage) into FOLDER, unless they are there:
# astronaut.png (NASA, public domain), chelsea.png (a cat, CC0), motorcycle_left.png. Ends with 1 where they cannot be had.
set -eu
folder=$1
photos="astronaut.png chelsea.png motorcycle_left.png"
inside=./usr/lib/python3/dist-packages/skimage/data

has_all() {
    for photo in $photos; do
        [ -s "$1/$photo" ] || return 1
    done
}

! has_all "$folder" || exit 0
command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 || exit 1
mkdir -p "$folder"
work=$(mktemp -d "$folder/.get.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
if ! (cd "$work" && apt-get download -qq python3-skimage) >/dev/null 2>&1; then
    # A fresh machine has no package lists.
    [ "$(id -u)" = 0 ] && apt-get update -qq >/dev/null 2>&1 && (cd "$work" && apt-get download -qq python3-skimage) >/dev/null 2>&1 || exit 1
fi
for photo in $photos; do
    dpkg-deb --fsys-tarfile "$work"/*.deb | tar -x -O -f - "$inside/$photo" >"$work/$photo"
done
has_all "$work"
for photo in $photos; do
    mv -f "$work/$photo" "$folder/$photo"
done
