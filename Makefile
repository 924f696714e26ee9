# make demo is the first command of a new user; make test is what CI runs.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
AIRFLOW_READY := .venv-airflow/.ready

.PHONY: help setup demo test faults bench airflow package lock clean
.DELETE_ON_ERROR:

help:            ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: $(READY)  ## the environment in .venv: pinned packages, Java, Delta jars

$(READY): requirements.lock setup.cfg
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "semid needs Python 3.11 or newer; try: make setup PYTHON=python3.12"; exit 7; }
	@echo "setup: Python packages (about 7 GB with torch; minutes on a fresh machine)"
	@$(PYTHON) -m venv .venv || { echo "python's venv module is missing; on Debian: apt-get install python3-venv"; exit 7; }
	@$(BIN)/pip install --no-deps --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -m semid.environment.setup
	@touch $@

demo: $(READY)   ## two nights on the embedded catalog, then what to look at
	@$(BIN)/semid demo

airflow: $(READY) $(AIRFLOW_READY)  ## an Airflow of its own in .venv-airflow, and one night run by it
	@$(BIN)/python -m semid.cli.local_airflow

$(AIRFLOW_READY): requirements-airflow.lock
	@echo "airflow: Python packages (about 0.6 GB)"
	@$(PYTHON) -m venv .venv-airflow
	@.venv-airflow/bin/pip install --quiet --no-deps --require-hashes -r requirements-airflow.lock
	@touch $@

test: $(READY) $(AIRFLOW_READY)  ## lint, types, import contracts and all tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -m "not faults"

faults: $(READY) ## kill -9 at every step boundary and inside publish; twenty minutes
	$(BIN)/pytest -m faults -n 0

# The catalogs' nights first: what follows takes its vectors' spectrum from the warehouses that they leave.
SEMID_CATALOGS ?= ../shared/data
BEAUTY := bench/amazon_beauty_2014
bench: $(READY)  ## every number of docs/benchmarks.md and docs/scaling.md; hours
	SEMID_CATALOGS=$(SEMID_CATALOGS) $(BIN)/python tests/bench/nights.py --out bench
	$(BIN)/python -m tests.bench.embedding $(SEMID_CATALOGS)/amazon_beauty_2014/items.parquet $(SEMID_CATALOGS)/cmoa_collection/items_2015-12-08.parquet
	$(BIN)/python -m tests.bench.assigning $(BEAUTY)
	$(BIN)/python -m tests.bench.growth $(BEAUTY)
	$(BIN)/python -m tests.bench.startup $(BEAUTY) $(SEMID_CATALOGS)/amazon_beauty_2014/items.parquet
	$(BIN)/python -m tests.bench.metadata $(BEAUTY) --spark
	$(BIN)/python -m tests.bench.training $(BEAUTY)
	$(BIN)/python -m tests.bench.figures

package: $(READY) ## in dist/: the wheel to install, and the same as the zip for spark-submit --py-files
	@rm -rf build dist   # setuptools would pack what an earlier build left behind
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@rm -rf build
	@for wheel in dist/*.whl; do cp "$$wheel" "$${wheel%-py3-none-any.whl}.zip"; done
	@ls dist/*

lock:            ## pin every package again (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-package semid requirements.in -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate requirements-airflow.in -o requirements-airflow.lock

clean:           ## remove the environment and what the demo wrote
	rm -rf .venv .venv-airflow demo airflow .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
