#!/usr/bin/env bash
# The environment of the peer of bench_images.py: energyflow needs a numpy before 2, so it has one of its own.
#   tests/bench/energyflow.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-.venv/energyflow}
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet 'numpy<2' 'energyflow==1.4.0'
"$folder/bin/python" -c 'import energyflow; print("energyflow", energyflow.__version__)'
