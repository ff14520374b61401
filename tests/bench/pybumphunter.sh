#!/usr/bin/env bash
# The environment of the peer of bench_bumphunter.py, which is no dependency of ours.
#   tests/bench/pybumphunter.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-.venv/pybumphunter}
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet 'pyBumpHunter==0.5.1'
"$folder/bin/python" -c 'from importlib.metadata import version; print("pyBumpHunter", version("pyBumpHunter"))'
