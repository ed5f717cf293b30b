#!/bin/sh
# get-runtimes.sh FOLDER: fetches other people's runtimes of model files, which tests run under Node where they are there: Google's TensorFlow
# Lite and ONNX Runtime, both compiled to WebAssembly, into FOLDER/node_modules. Needs curl and the registry of npm; ends with 1 without them.
set -eu
modules=$1/node_modules
registry=https://registry.npmjs.org

fetch() { # PACKAGE ADDRESS SHA256
    [ ! -d "$modules/$1" ] || return 0
    mkdir -p "$modules"
    new=$(mktemp -d "$modules/.new.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    curl -fsSL --retry 2 --max-time 300 -o "$new/package.tgz" "$registry/$2" || return 1
    echo "$3  $new/package.tgz" | sha256sum -c - >&2 || return 1
    tar -xzf "$new/package.tgz" -C "$new"
    mkdir -p "$(dirname "$modules/$1")"
    mv "$new/package" "$modules/$1"
    rm -rf "$new"
}

fetch @tensorflow/tfjs-tflite @tensorflow/tfjs-tflite/-/tfjs-tflite-0.0.1-alpha.10.tgz \
    ce63551608097a5ecb0f0128fc64c53c15843a851fcd17f83e66e1908a628d71
fetch onnxruntime-web onnxruntime-web/-/onnxruntime-web-1.20.1.tgz \
    0a38facf0672dfaaeaf352e8a9f44533732b60b4af93b9dd507fe7c2d2be437b
fetch onnxruntime-common onnxruntime-common/-/onnxruntime-common-1.20.1.tgz \
    57773ec29c9087ce3441eb9cdd999dfaad3138b1f579930fc8d8198de05e7244
