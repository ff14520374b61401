# `make run` and `make test` do all of their own set-up: a virtual environment in .venv, nothing if it is current.
PYTHON ?= python3
CONFIG ?= config/demo.yaml
CORES ?= all
BIN := .venv/bin
# Tests of one file run in one process: they share what is slow to make.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile
READY := .venv/ready-$(shell cat envs/requirements.lock pyproject.toml | cksum | cut -d' ' -f1)

.PHONY: help setup run report test coverage test-full bench lint format schema clean

help:
	@echo 'make run [CONFIG=config/demo.yaml] [CORES=all]   run a study, from simulation to significance and figures'
	@echo 'make report [CONFIG=...]                         results/<study>/report.zip (Snakemake report, no network)'
	@echo 'make test                                        unit and workflow tests'
	@echo 'make coverage                                    unit tests with coverage of the lines'
	@echo 'make test-full                                   the proofs that take hours'
	@echo 'make bench                                       speed against named peers, printed as ratios'
	@echo 'make lint | format | schema                      check style | apply it | regenerate the JSON Schema'

setup: $(READY)

$(READY):
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else f"Python 3.11 to 3.13 is needed, {v.major}.{v.minor} found: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r envs/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@rm -f .venv/ready-*
	@touch $@

run: $(READY)
	$(BIN)/resonaut run --configfile $(CONFIG) --cores $(CORES)

report: $(READY)
	$(BIN)/snakemake --configfile $(CONFIG) --report results/$$($(BIN)/resonaut config $(CONFIG) --name)/report.zip

test: $(READY) lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PARALLEL) -m 'not full' tests/unit tests/servers
	$(BIN)/python -m pytest $(PARALLEL) -m 'not full' tests/workflow

coverage: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PARALLEL) -m 'not full' tests/unit --cov --cov-report=term

test-full: $(READY)
	$(BIN)/python -m pytest -m full tests/unit tests/servers tests/workflow

bench: $(READY)
	@for script in tests/bench/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check workflow Snakefile
	$(BIN)/snakemake --lint

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt workflow Snakefile

schema: $(READY)
	$(BIN)/resonaut schema > workflow/schemas/config.schema.json
	$(BIN)/resonaut schema --markdown > config/README.md

clean:
	rm -rf .venv .snakemake
