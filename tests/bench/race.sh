#!/bin/sh
# Races 'mseg bench' against other engines on the same networks: race.sh --help. Installs what is missing (Debian packages as root,
# onnxruntime-node from npm, all else into ${XDG_CACHE_HOME:-~/.cache}/mseg-race) and builds mseg unless --mseg names a program.
# The machine should be doing nothing else.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mseg-race
python=/usr/bin/python3 # the one that Debian's packages are for
ort=onnxruntime-node@1.30.0

wanted=
precision=float
mseg=
last=
for argument in "$@"; do
    case $argument in
    -h | --help) exec "$python" "$here/race.py" --help ;;
    --peers=*) wanted=${argument#*=} ;;
    --mseg=*) mseg=${argument#*=} ;;
    --precision=*) precision=${argument#*=} ;;
    esac
    case $last in
    --peers) wanted=$argument ;;
    --mseg) mseg=$argument ;;
    --precision) precision=$argument ;;
    esac
    last=$argument
done
case $precision in
float) known=ort,torch,opencv,dnnl ;;
int8) known=ort ;;
*)
    echo "race.sh: --precision: '$precision' is none of float, int8" >&2
    exit 2
    ;;
esac

has_module() {
    "$python" -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('$1') is None)"
}

newer() {
    [ -n "$(find "$1" -newer "$2" 2>/dev/null)" ]
}

prepare_ort() {
    command -v npm >/dev/null || "$root/.ci/install" race-ort || return 1
    ONNXRUNTIME_NODE_INSTALL=skip npm install --silent --no-audit --no-fund --prefix "$cache" "$ort" >&2 &&
        NODE_PATH=$cache/node_modules node -e "require('onnxruntime-node')"
}

prepare_torch() {
    has_module torch # the networks are made with it
}

prepare_opencv() {
    "$root/.ci/install" race-opencv
    has_module cv2
}

prepare_dnnl() {
    "$root/.ci/install" race-dnnl
    newer "$cache/peer_dnnl" "$here/peer_dnnl.cc" || g++ -O2 -std=c++17 -fopenmp -o "$cache/peer_dnnl" "$here/peer_dnnl.cc" -ldnnl
}

mkdir -p "$cache"
"$root/.ci/install" race-networks || true
for source in "$here/make_networks.py" "$here/networks8.py" "$root/tests/weights/make_tflite.py"; do
    newer "$cache/networks/c/network.json" "$source" && continue
    "$python" "$here/make_networks.py" "$cache/networks" >&2 && break
    echo "race.sh: cannot make the networks (python3-torch, python3-onnx and python3-flatbuffers are needed)" >&2
    exit 1
done
peers=
for peer in $(echo "${wanted:-$known}" | tr , ' '); do
    case ,$known, in
    *,"$peer",*) ;;
    *)
        echo "race.sh: --peers: '$peer' is none of $known" >&2
        exit 2
        ;;
    esac
    if "prepare_$peer"; then
        peers=$peers,$peer
    else
        echo "SKIP: race against $peer: it is not installed and could not be (see above)" >&2
    fi
done
if [ -z "$mseg" ]; then
    "$root/.ci/install" build test
    (cd "$root" && cmake --preset release && cmake --build --preset release --target mseg) >&2
    mseg=$root/build/release/mseg
fi
exec "$python" "$here/race.py" "$@" --peers "${peers#,}" --mseg "$mseg" --cache "$cache"
