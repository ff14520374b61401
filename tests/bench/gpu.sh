#!/usr/bin/env bash
# All that needs a GPU, on a bare machine with Python 3.11 or newer and a torch of its own:
#   tests/bench/gpu.sh [--tiny] [FOLDER_OF_WHEELS]
# Packages that the machine lacks (h5py, numpy, pydantic, pytest, hypothesis, ...) come as wheels in that folder.
# --tiny: small sizes, on the CPU where there is no GPU, to see that the script works.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
tiny=
if [ "${1:-}" = --tiny ]; then tiny=1; shift; fi
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
if [ $# -gt 0 ]; then
    "$python" -m pip install --quiet --no-index --no-deps --target "$site" "$1"/*.whl
fi
export PYTHONPATH="$PWD/src:$site"
"$python" -c 'import torch; print(torch.__version__, torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU")'
device=cuda
if [ -n "$tiny" ]; then
    device=$("$python" -c 'import torch; print("cuda" if torch.cuda.is_available() else "cpu")')
fi
"$python" -m pytest -q -rs tests/unit/nn/test_nn_gpu*.py
if [ -n "$tiny" ]; then
    "$python" tests/bench/gpu_training.py --device "$device" --tiny
    "$python" tests/bench/bench_ensemble.py --device "$device" --networks 3 --rows 300 --batches 64 --repeats 1
    "$python" tests/bench/bench_particlenet.py --device "$device" --sizes lite --jets 16 --batch 8 --repeats 1 --weaver none
    "$python" tests/bench/bench_transformer.py --device "$device" --jets 16 --batch 8 --repeats 1
    "$python" tests/bench/bench_hunt.py --device "$device" --events 2000 --epochs 1 --batches 64 --peer-networks 1
    "$python" tests/bench/bench_pseudo_experiments.py --device "$device" --per-job 2 --events 6000 --epochs 1
    if "$python" -c 'import zuko' 2> /dev/null; then
        "$python" tests/bench/bench_flows.py --device "$device" --windows 1 --rows 300 --batches 64 --repeats 1
    fi
    "$python" tests/bench/gpu_showers.py --device "$device" --showers 300 --epochs 1 --size small layerwise vae
    exit
fi
"$python" tests/bench/gpu_training.py
"$python" tests/bench/gpu_training.py --compile
"$python" tests/bench/bench_ensemble.py --device cuda
"$python" tests/bench/bench_particlenet.py --device cuda --bf16 --jets 8192 --batch 1024
"$python" tests/bench/bench_particlenet.py --device cuda --bf16 --compile --jets 8192 --batch 1024
"$python" tests/bench/bench_transformer.py --device cuda
"$python" tests/bench/bench_hunt.py --device cuda
"$python" tests/bench/bench_pseudo_experiments.py --device cuda
if "$python" -c 'import zuko' 2> /dev/null; then
    "$python" tests/bench/bench_flows.py --device cuda
fi
if "$python" -c 'import onnxruntime, onnxscript' 2> /dev/null; then
    "$python" tests/bench/bench_latency.py --device cuda
fi
"$python" tests/bench/gpu_showers.py
