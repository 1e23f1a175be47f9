# make demo    everything is set up, then the main job runs on embedded models and data (a verdict within minutes)
# make test    everything is set up, then every test runs (laws in their short form)
# make check   the developer's quick gate: ruff, mypy --strict, import-linter, the quick tests
# make laws    the statistical laws at full size, on two cores, with what each of them cost (long)
# make rebuild the embedded model is built again from nothing and must behave like the shipped one (many minutes)
# make docs    the generated parts of docs/reference and the README's picture
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
export HF_HUB_OFFLINE = 1
export TOKENIZERS_PARALLELISM = false

.PHONY: help demo test check laws rebuild docs clean
help:
	@sed -n 's/^# //p' Makefile

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.train: $(BIN)/python pyproject.toml constraints.txt
	@echo "setting up $(VENV): torch, then Shipworthy with [train] (once, a few minutes)"
	$(PIP) install --constraint constraints.txt torch==2.13.0
	$(PIP) install --constraint constraints.txt --editable '.[train]'
	@touch $@

$(VENV)/.dev: $(VENV)/.train
	@echo "setting up $(VENV): what the tests need"
	$(PIP) install --constraint constraints.txt --editable '.[train,dev]'
	@touch $@

demo: $(VENV)/.train
	$(BIN)/shipworthy demo

ALONE := slow or browser or train

test: $(VENV)/.dev lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not laws and not ($(ALONE))"
	$(BIN)/python -m pytest -m "not laws and ($(ALONE))"

check: $(VENV)/.dev lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not laws and not processes and not thorough and not ($(ALONE))"

.PHONY: lint
lint: $(VENV)/.dev
	$(BIN)/ruff check src tests benchmarks tools
	$(BIN)/ruff format --check src tests benchmarks tools
	$(BIN)/mypy
	$(BIN)/lint-imports

laws: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m laws --durations=0 --durations-min=1

rebuild: $(VENV)/.train
	$(BIN)/python tools/build_demo_model.py check

docs: $(VENV)/.dev
	$(BIN)/python tools/reference.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
