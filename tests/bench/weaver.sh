#!/usr/bin/env bash
# The environment of the peer of bench_particlenet.py. weaver-core asks for old versions of packages that its
# network does not use, so it comes without them; torch and numpy are the versions of ours.
#   tests/bench/weaver.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-.venv/weaver}
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --constraint envs/requirements.lock torch numpy
"$folder/bin/python" -m pip install --quiet --no-deps 'weaver-core==0.5.3'
"$folder/bin/python" -c 'import torch, weaver.nn.model.ParticleNet; print("weaver-core 0.5.3, torch", torch.__version__)'
