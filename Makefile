# `make help` lists the commands; every recipe first installs the packages that it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup run demo test attack check docs pictures bench bench-check lock dist wheelhouse faults fuzz clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

UNFETCHED := not all files about networks came, so countries and networks may stay unknown; later: clinic-pixel lists fetch

setup: $(BIN)/.installed ## make the environment and install all packages into it

$(BIN)/.installed: pyproject.toml deploy/locks/uv.txt deploy/locks/everything.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement deploy/locks/uv.txt
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --require-hashes --requirement deploy/locks/everything.txt
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/clinic-pixel lists fetch >/dev/null 2>&1 || echo "$(UNFETCHED)"
	@touch $@

LOCK := $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --python-version 3.11
lock: setup ## take the newest versions inside the ranges of pyproject.toml: deploy/locks, docs/dependencies.md
	echo uv | $(LOCK) - --output-file deploy/locks/uv.txt
	printf '%s\n' 'atheris<3.1; python_version < "3.12"' 'atheris>=3.1; python_version >= "3.12"' | $(LOCK) - --output-file deploy/locks/fuzz.txt
	$(LOCK) pyproject.toml --output-file deploy/locks/collector.txt
	$(LOCK) --extra embedded --extra dev pyproject.toml --output-file deploy/locks/everything.txt
	$(LOCK) --extra embedded --constraint deploy/locks/everything.txt pyproject.toml --output-file deploy/locks/embedded.txt
	$(BIN)/uv pip install --quiet --require-hashes --requirement deploy/locks/everything.txt
	$(BIN)/python deploy/bill_of_materials.py > docs/dependencies.md

run: setup ## start everything on this machine and print the addresses
	$(BIN)/clinic-pixel up --demo

demo: setup ## send four weeks of a made-up clinic, with a fault at their end, to the running collector: about a minute
	$(BIN)/clinic-pixel simulate --history 28 --fault browser-form

test: setup ## run all tests
	$(BIN)/python -m pytest

faults: setup ## many rounds of every fault, then `make fuzz`, 40 minutes, docs/faults.md; SEED=7 repeats a run, SHARE=0.2 shortens it
	FAULTS=long SEED=$(SEED) SHARE=$(SHARE) $(BIN)/python -m pytest -p no:randomly -p no:cacheprovider tests/faults
	$(MAKE) fuzz

attack: setup ## attack a running system: engine, connections, planted files
	$(BIN)/python -m pytest tests/attacks

MINUTES ?= 10
fuzz: setup ## search every parser of outside bytes for an input that breaks it, 10 minutes, or MINUTES=60
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --require-hashes --requirement deploy/locks/fuzz.txt || echo "without atheris: seeded changes instead"
	PYTHONPATH=$(CURDIR):tests nice $(BIN)/python -m support.fuzzing --minutes $(MINUTES)

check: setup ## style, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup ## write the pages of docs/ that are generated from the code
	$(BIN)/python -m pipeline.operations.docs
	$(BIN)/python -m dashboards.grafana

pictures: setup ## make the pictures of the docs again: docs/pictures, needs Chromium, some minutes
	PYTHONPATH=tests $(BIN)/python -m support.pictures

bench: setup ## measure performance, as ratios side by side, a quarter of an hour: bench/results.json, docs/performance.md
	$(BIN)/python -m bench

bench-check: setup ## compare a minute of measuring with bench/results.json
	$(BIN)/python -m bench.check

dist: setup ## build wheel and source distribution of the committed files into dist/, the same bytes for everybody
	@left="$$(git status --porcelain)"; test -z "$$left" || { echo "commit these first, or remove them: $$left" >&2; exit 1; }
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m hatchling build --directory dist
	cd dist && sha256sum clinic_pixel-* > SHA256SUMS

wheelhouse: dist ## download all that an installation without network needs into wheelhouse/, for this system and Python
	rm -rf wheelhouse
	$(BIN)/python deploy/wheelhouse.py dist wheelhouse

clean: ## remove the environment and caches, never the data in var/
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist wheelhouse *.egg-info
