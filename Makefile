# `make run` and `make test` set everything up on a fresh clone; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
PRESET ?= quick
JOBS ?= 2
BIN := .venv/bin
STAMP := .venv/.installed
SOURCES := udalib tests benchmarks notebooks docs

# Huge pages for PyTorch's tensors where the system has them: the same numbers with fewer page faults.
FAST := THP_MEM_ALLOC_ENABLE=1
# One thread a process unless the caller says otherwise: two OpenMP pools on busy cores fight each other.
TEST_ENV := OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} MPLBACKEND=Agg HF_HUB_OFFLINE=1 $(FAST)
RUN_ENV := $(FAST) MPLBACKEND=Agg HF_HUB_OFFLINE=1
# A kernel starts in notebooks/; caches and runs belong where the command line has them.
HERE := $(CURDIR)
LAB_ENV := $(FAST) HF_HUB_OFFLINE=1 UDALIB_DATA=$${UDALIB_DATA:-$(HERE)/data} UDALIB_WEIGHTS=$${UDALIB_WEIGHTS:-$(HERE)/data/weights} \
  UDALIB_CACHE=$${UDALIB_CACHE:-$(HERE)/data/cache} UDALIB_RUNS=$${UDALIB_RUNS:-$(HERE)/runs}

.PHONY: setup run test lab book lint format types bench lock clean help

setup: $(STAMP) ## create or update .venv from requirements.lock (uv when on PATH, else pip)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "udalib needs Python 3.11 or newer; call make with PYTHON=/path/to/python3.12"; exit 1; }
	@if command -v uv >/dev/null 2>&1; then \
	  [ -x $(BIN)/python ] || uv venv --quiet --python $(PYTHON) .venv; \
	  uv pip install --quiet --python $(BIN)/python -r requirements.lock; \
	  uv pip install --quiet --python $(BIN)/python --no-deps -e .; \
	else \
	  [ -x $(BIN)/pip ] || $(PYTHON) -m venv .venv; \
	  $(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock; \
	  $(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .; \
	fi
	@touch $@

run: setup ## run the notebook series headlessly (PRESET=quick) and print the results table
	@$(RUN_ENV) $(BIN)/python -m udalib.notebooks --preset $(PRESET)

test: setup lint ## lint, type-check and run the whole test suite
	@$(TEST_ENV) $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal

lab: setup ## open the notebooks in JupyterLab
	@$(LAB_ENV) $(BIN)/jupyter lab notebooks

book: setup ## build the site from the executed series (which is run first if build/notebooks has none)
	@ls build/notebooks/*.ipynb >/dev/null 2>&1 || $(RUN_ENV) $(BIN)/python -m udalib.notebooks --preset $(PRESET)
	@$(RUN_ENV) $(BIN)/python -m udalib.notebooks.book

lint: setup ## ruff (lint and format, notebooks too) and mypy --strict
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/ruff format --quiet --check $(SOURCES)
	@$(BIN)/mypy

format: setup ## rewrite the code in the house's format
	@$(BIN)/ruff check --quiet --fix $(SOURCES)
	@$(BIN)/ruff format --quiet $(SOURCES)

bench: setup ## time the parts against named peers; records go to build/benchmarks
	@$(RUN_ENV) $(BIN)/python -m benchmarks

lock: ## resolve requirements.lock anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-annotate --no-header \
	  --upgrade pyproject.toml -o requirements.lock

clean: ## remove what was built or cached (runs/ and .venv stay)
	rm -rf build dist data/cache .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
