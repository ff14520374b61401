# `make run` and `make test` do all of their own set-up: a virtual environment in .venv, nothing if it is current.
PYTHON ?= python3
CONFIG ?= config/demo.yaml
CORES ?= all
BIN := .venv/bin
# Tests of one file run in one process: they share what is slow to make.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile
READY := .venv/ready-$(shell cat envs/requirements.lock pyproject.toml | cksum | cut -d' ' -f1)

STUDY ?= demo

.PHONY: help setup run report archive test test-cluster coverage test-full bench docs lint format schema audit reliability clean

help:
	@echo 'make run [CONFIG=config/demo.yaml] [CORES=all]   run a study, from simulation to significance and figures'
	@echo 'make report [CONFIG=...]                         results/<study>/report.zip (Snakemake report, no network)'
	@echo 'make archive [STUDY=demo] [CORES=all]             results/<study>/archive.zip for review, of config/<study>.yaml'
	@echo 'make test                                        unit and workflow tests'
	@echo 'make coverage                                    unit tests with coverage of the lines'
	@echo 'make test-cluster                                the workflow on a Slurm of two nodes, started here'
	@echo 'make test-full                                   the proofs that take hours'
	@echo 'make bench                                       speed against named peers, printed as ratios'
	@echo 'make docs                                        the documentation site, build/site/index.html'
	@echo 'make audit                                       known vulnerabilities of the locked versions (network)'
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
	$(BIN)/snakemake --cores 1 --configfile $(CONFIG) --report results/$$($(BIN)/resonaut config $(CONFIG) --name)/report.zip

archive: $(READY)
	@test -f config/$(STUDY).yaml || { echo 'make archive: config/$(STUDY).yaml: no such file; STUDY=... names a file of config/.'; exit 2; }
	$(BIN)/resonaut run --configfile config/$(STUDY).yaml --cores $(CORES) -- archive
	$(BIN)/resonaut archive --configfile config/$(STUDY).yaml

test: $(READY) lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PARALLEL) -m 'not full' tests/unit tests/servers
	$(BIN)/python -m pytest $(PARALLEL) -m 'not full' tests/workflow

# The plugin stands aside: where HTCondor is not configured, it warns at every start of Snakemake.
.venv/htcondor: | $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $@ snakemake-executor-plugin-htcondor==0.3.0 htcondor==24.12.24

test-cluster: $(READY)
	@$(MAKE) --no-print-directory .venv/htcondor || echo 'the HTCondor plugin cannot be installed: its tests are skipped' >&2
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m 'not full' tests/cluster

coverage: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PARALLEL) -m 'not full' tests/unit --cov --cov-report=term

test-full: $(READY)
	$(BIN)/python -m pytest -m full tests/unit tests/servers tests/workflow

bench: $(READY)
	@for script in tests/bench/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

# The site needs no server: open build/site/index.html (its search does: `mkdocs serve`).
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

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

# Hours: every stage under every fault, and the page of what came of it.
reliability: $(READY)
	$(BIN)/python tests/workflow/make_reliability.py

# In an environment of its own: pip-audit brings packages that resonaut does not have. What cannot be audited fails.
audit:
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	build/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement envs/requirements.lock

clean:
	rm -rf .venv .snakemake
