# Everything is set up inside this folder: `make demo` and `make test` work on a fresh machine with
# Python 3.11 or newer and a C++20 compiler.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
NATIVE := CMakeLists.txt $(wildcard src/whence/kernels/native/*)
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test check bench clean

demo: $(VENV)/demo.done
	$(BIN)/whence demo --out out/demo --force
	@echo "Open out/demo/report.html"

test: check
	$(BIN)/python -m pytest -n 2 --dist loadfile -q

check: $(VENV)/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv-bench/done
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv-bench/bin/python benchmarks/run.py

.venv-bench/done: benchmarks/requirements.txt benchmarks/requirements-alone.txt $(NATIVE)
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet -r benchmarks/requirements.txt
	.venv-bench/bin/pip install --quiet --no-deps -r benchmarks/requirements-alone.txt
	.venv-bench/bin/pip install --quiet .
	@touch $@

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"

$(VENV)/build.done: $(BIN)/pip constraints.txt
	$(PIP) cmake ninja nanobind scikit-build-core
	@touch $@

$(VENV)/demo.done: $(VENV)/build.done pyproject.toml $(NATIVE)
	$(PIP) --no-build-isolation -C cmake.define.WHENCE_DEV=ON -e ".[cli]"
	@touch $@

$(VENV)/test.done: $(VENV)/demo.done
	$(PIP) xgboost-cpu lightgbm catboost --group test
	@touch $@

clean:
	rm -rf $(VENV) build out
