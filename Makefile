# Everything runs in an environment of its own, .venv in this folder. PYTHON chooses the interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
NATIVE := CMakeLists.txt pyproject.toml $(shell find native -name '*.?pp')
# Two at a time, since most tests take one processor; more would only wait for each other's threads.
PARALLEL := -n 2
SANITIZE_FLAGS := -DCMAKE_BUILD_TYPE=Debug -DLIKELIEST_NATIVE_TESTS=ON

.DEFAULT_GOAL := help
.PHONY: help digits test test-fast test-jax test-native lint format types sanitize wheel bench bench-mnist bench-uci bench-classifiers .venv-bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@echo "creating an environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "likeliest needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install -qq --upgrade 'pip>=25.1'

$(VENV)/.build: $(BIN)/python pyproject.toml
	@echo "installing what the build needs"
	@$(PIP) install -qq --group build
	@touch $@

# The editable install rebuilds the core by itself when a source has changed, as soon as likeliest is imported.
$(VENV)/.installed: $(VENV)/.build pyproject.toml CMakeLists.txt
	@echo "building the native core and installing likeliest with its pictures"
	@$(PIP) install -qq --no-build-isolation -C build-dir=build/editable -C editable.rebuild=true -C editable.verbose=false -e '.[plots]'
	@touch $@

$(VENV)/.test: $(VENV)/.installed
	@echo "installing the test tools"
	@$(PIP) install -qq --group test
	@touch $@

$(VENV)/.lint: $(VENV)/.test
	@echo "installing the linters"
	@$(PIP) install -qq --group lint
	@touch $@

digits: $(VENV)/.installed ## learn 0 or 1 from real handwriting, with pictures in digits/
	@$(BIN)/likeliest digits

test: $(VENV)/.test test-native ## all tests
	@echo "running the tests"
	@$(BIN)/python -m pytest -q $(PARALLEL)

test-fast: $(VENV)/.test ## the tests that take under two seconds each
	@$(BIN)/python -m pytest -q $(PARALLEL) -m 'not slow'

test-jax: $(VENV)/.test ## the tests of the JAX engine and of many devices, with JAX
	@echo "installing JAX"
	@$(PIP) install -qq --group jax
	@$(BIN)/python -m pytest -q $(PARALLEL) tests/test_jax.py tests/test_devices.py

test-native: $(VENV)/.installed ## the C++ core by itself, on every instruction set of this processor
	@echo "building and running the native tests"
	@$(BIN)/cmake build/editable >/dev/null
	@$(BIN)/cmake --build build/editable --target native_tests -- --quiet
	@build/editable/native_tests

sanitize: $(VENV)/.build ## the native tests under ASan + UBSan and under TSan
	@for sanitizers in address,undefined thread; do \
	  echo "building and running the native tests with -fsanitize=$$sanitizers"; \
	  folder=build/sanitize-$${sanitizers%%,*}; \
	  $(BIN)/cmake -S . -B $$folder -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja $(SANITIZE_FLAGS) \
	    -DLIKELIEST_SANITIZE=$$sanitizers >/dev/null && \
	  $(BIN)/cmake --build $$folder -- --quiet && \
	  UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 $$folder/native_tests --quick || exit 1; \
	done

lint: $(VENV)/.lint ## ruff, the type checker and clang-format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q .
	@$(BIN)/mypy
	@$(BIN)/clang-format --dry-run -Werror $(filter native/%,$(NATIVE))

format: $(VENV)/.lint ## formats all sources
	@$(BIN)/ruff check --fix -q . || true
	@$(BIN)/ruff format -q .
	@$(BIN)/clang-format -i $(filter native/%,$(NATIVE))

wheel: $(VENV)/.build ## a wheel in dist/
	@$(PIP) wheel -qq --no-build-isolation --no-deps -w dist .
	@ls -l dist/*.whl

# The peers live in an environment of their own; this installs them, and likeliest as it is now.
.venv-bench: $(VENV)/.build
	@test -d .venv-bench || { echo "creating an environment for the peers in .venv-bench"; $(PYTHON) -m venv .venv-bench; \
	  .venv-bench/bin/python -m pip install -qq --upgrade 'pip>=25.1'; }
	@.venv-bench/bin/python -m pip install -qq -r benchmarks/requirements.txt .

bench: ## speed against PyTorch, JAX, scikit-learn and Keras; LIKELIEST_DATA names a folder with MNIST
	@test -n "$(LIKELIEST_DATA)" || { echo "set LIKELIEST_DATA to a folder with MNIST's IDX files"; exit 2; }
	@$(MAKE) -s .venv-bench
	@.venv-bench/bin/python -m benchmarks.run

bench-mnist: $(VENV)/.installed ## misread digits of MNIST, in about 15 minutes; LIKELIEST_DATA names a folder with it
	@test -n "$(LIKELIEST_DATA)" || { echo "set LIKELIEST_DATA to a folder with MNIST's IDX files"; exit 2; }
	@$(BIN)/python -m benchmarks.mnist

bench-uci: ## Regressor() on the published splits; LIKELIEST_DATA_UCI names a folder with the .npz files
	@test -n "$(LIKELIEST_DATA_UCI)" || { echo "set LIKELIEST_DATA_UCI to a folder with concrete.npz and others"; exit 2; }
	@$(MAKE) -s .venv-bench
	@.venv-bench/bin/python -m benchmarks.uci

bench-classifiers: .venv-bench ## Classifier() against scikit-learn's, in ten folds
	@.venv-bench/bin/python -m benchmarks.classifiers

clean: ## removes the environment and all that was built
	rm -rf $(VENV) .venv-bench build dist
