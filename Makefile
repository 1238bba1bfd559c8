# make demo, make test: each does all the set-up. Needs git, make and Python >= 3.11 with venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Tests wait for real processes: more workers than cores. Those that are done take over what others have left.
WORKERS ?= 4
RUN_TESTS = $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

.PHONY: install demo test test-fast test-faults lint types contracts sbom check lock clean fuzz-rules
CASES ?= 200000
SEED ?= 1
KINDS ?=

install: $(VENV)/.run

demo: $(VENV)/.run
	$(BIN)/fieldgate demo --for 60s --seed 7 $(DEMO)

test: $(VENV)/.dev
	$(RUN_TESTS) -m "not slow_fault" $(PYTEST)

# For the inner loop, without servers: values, rule files, settings, codecs, budgets, the core of the engine.
FAST = $(addprefix tests/,domain house registry modbus mqtt settings rules_language) $(wildcard $(addprefix tests/rules_engine/test_,\
  after_[fi]* after_po* casetest* engine_[ir]* many* nested_* past_warm* peers* signals_s*))
test-fast: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto -m "not fault and not server" --ignore=tests/rules_language/test_rule_examples.py $(FAST) $(PYTEST)

# Properties with ten times as many examples, never the same ones.
test-deep: $(VENV)/.dev
	HYPOTHESIS_PROFILE=deep CI= $(RUN_TESTS) -m "not slow_fault" $(addprefix tests/,rules_engine rules_language intake mqtt lint) $(PYTEST)

# The long variants of faults and attacks.
test-faults: $(VENV)/.dev
	$(RUN_TESTS) -m slow_fault tests/fault tests/hostile $(PYTEST)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

# What is in it (CycloneDX), and that we may use it.
sbom: $(VENV)/.dev
	$(BIN)/python .ci/sbom.py dist/fieldgate.cdx.json

check: test test-faults lint types contracts sbom

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Fieldgate needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.txt requirements/build.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --require-hashes -r requirements/run.txt -r requirements/build.txt
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	$(BIN)/python -m pip install -q --require-hashes -r requirements/dev.txt
	touch $@

# Renew the locks; uv is needed only here.
lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --extra sim pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --extra sim --extra dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -c requirements/run.txt requirements/build.in -o requirements/build.txt

clean:
	rm -rf $(VENV) var dist build

# Random cases against the slow reference of tests/oracle: make fuzz-rules CASES=200000 [SEED=1] [KINDS=silent]
fuzz-rules: $(VENV)/.dev
	PYTHONPATH=tests $(BIN)/python -m oracle.fuzz --cases $(CASES) --seed $(SEED) --kinds "$(KINDS)"
