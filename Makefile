# One command per job, the same here and in CI. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# The first Python that is new enough; override with `make PYTHON=… run`.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { command -v $$p; break; }; done)

.PHONY: help setup run test lint types bench soak strength lab lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## create .venv from requirements.lock

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "harness: no Python 3.11 or newer with venv was found; install one, or name it: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; exit 10; }
	@echo "setting up $(VENV) with $(PYTHON) (once; about a minute, several on a busy machine)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@quiet=--quiet; if test -t 1; then quiet=; fi; \
		$(BIN)/python -m pip install $$quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@echo "compiling what was installed"
	@$(BIN)/python -m compileall -qq -j 0 harness $(VENV)/lib || true  # on every core, where pip takes one; packages bring templates that are no Python
	@touch $@

run: $(READY) ## run the whole suite against the reference
	@$(BIN)/harness run --database embedded -n auto $(ARGS)

test: $(READY) ## lint, types and the test suite
	@$(MAKE) --no-print-directory lint types
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -q -m "not slow" $(ARGS)

soak: $(READY) ## the long tests: 20,000 requests, 20,000 mutated files, races repeated; the suite 200 times, shuffled
	@$(BIN)/python -m pytest -q -m slow --timeout 3600
	@$(BIN)/python -m tests.soak $(ARGS)

strength: $(READY) ## which injected defects the suite notices: the catalogue and 600 mutants
	@$(BIN)/harness strength $(ARGS)

lint: $(READY)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(READY)
	@$(BIN)/mypy

lab: $(READY) ## JupyterLab on this machine, with the control room and the latest run
	@$(BIN)/python -m harness.notebook.lab $(ARGS)

bench: $(READY) ## what the harness costs, as ratios to a bare loop
	@$(BIN)/python -m tests.benchmarks $(ARGS)

lock: ## pin the newest allowed versions again
	@$(BIN)/python -m pip install --quiet uv && $(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header -q -o requirements.lock

clean: ## remove what the targets made
	rm -rf $(VENV) reports .harness .pytest_cache .mypy_cache .ruff_cache .hypothesis
