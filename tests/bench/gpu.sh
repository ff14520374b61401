#!/usr/bin/env bash
# All that needs a GPU, on a bare machine with Python 3.11 or newer and a torch of its own:
#   tests/bench/gpu.sh [FOLDER_OF_WHEELS]
# Packages that the machine lacks (h5py, numpy, pydantic, pytest, hypothesis, ...) come as wheels in that folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
if [ $# -gt 0 ]; then
    python3 -m pip install --quiet --no-index --no-deps --target "$site" "$1"/*.whl
fi
export PYTHONPATH="$PWD/src:$site"
python3 -c 'import torch; print(torch.__version__, torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU")'
python3 -m pytest -q -rs tests/unit/nn/test_nn_gpu.py tests/unit/nn/test_nn_gpu_training.py
python3 tests/bench/bench_ensemble.py --device cuda
python3 tests/bench/bench_particlenet.py --device cuda --bf16
