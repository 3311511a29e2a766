#!/bin/sh
# Runs the benchmark of a training on a GPU; it writes out/bench/gpu-train.json and takes at most 5 minutes.
#
#     bench/gpu.sh [PYTHON]
set -eu
cd "$(dirname "$0")/.."
exec timeout 300 "${1:-.venv/bin/python}" -m bench gpu-train
