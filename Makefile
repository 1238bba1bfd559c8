# make demo, make test: each does all the set-up. Needs git, make and Python >= 3.11 with venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Tests wait for real processes: more workers than cores. Those that are done take over what others have left.
WORKERS ?= 4
RUN_TESTS = $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast test-deep test-faults lint types contracts sbom check house lock clean fuzz-rules fuzz-codecs
CASES ?= 200000
SEED ?= 1
KINDS ?=
TARGET ?= sparkplug
SECONDS ?= 60

# A target whose comment begins with ## is listed by `make`.
help:
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.run  ## the program into .venv

demo: $(VENV)/.run  ## an invented fleet for a minute: brokers, devices, alarms, orders, webhooks
	$(BIN)/fieldgate demo --for 60s --seed 7 $(DEMO)

test: $(VENV)/.dev  ## all tests on real servers, about twenty minutes on two cores
	$(RUN_TESTS) -m "not slow_fault" $(PYTEST)

FAST = $(addprefix tests/,domain house registry modbus mqtt settings rules_language) $(wildcard $(addprefix tests/rules_engine/test_,\
  alarm_stage_[fi]* alarm_stage_po* casetest* engine_[ir]* expression_inputs* many* nested_* peers* signals_s* warm_up*))
test-fast: $(VENV)/.dev  ## tests without servers, for the inner loop, under 30 s
	$(BIN)/python -m pytest -n auto -m "not fault and not server" --ignore=tests/rules_language/test_rule_examples.py $(FAST) $(PYTEST)

test-deep: $(VENV)/.dev  ## properties with ten times the examples, never the same
	HYPOTHESIS_PROFILE=deep CI= $(RUN_TESTS) -m "not slow_fault" $(addprefix tests/,rules_engine rules_language intake mqtt lint desk) $(PYTEST)

test-faults: $(VENV)/.dev  ## the long variants of faults and attacks
	$(RUN_TESTS) -m slow_fault tests/fault tests/hostile tests/series $(PYTEST)

lint: $(VENV)/.dev  ## ruff: format and rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev  ## mypy, strict
	$(BIN)/mypy

contracts: $(VENV)/.dev  ## import-linter: who may import whom
	$(BIN)/lint-imports

sbom: $(VENV)/.dev  ## what is in it (CycloneDX), and that we may use it
	$(BIN)/python .ci/sbom.py dist/fieldgate.cdx.json

# Drawn from the code; a test compares.
house: $(VENV)/.dev  ## the import graph as a picture: docs/imports.svg; the list of devices: docs/devices.md
	$(BIN)/python .ci/import_graph.py docs/imports.svg
	$(BIN)/python .ci/device_pages.py

check: test test-faults lint types contracts sbom  ## all that `.ci/run` runs

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

lock:  ## renew requirements/*.txt (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --extra sim pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --extra sim --extra aes --extra influx --extra opcua --extra postgres --extra dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -c requirements/run.txt requirements/build.in -o requirements/build.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url requirements/fuzz.in -o requirements/fuzz.txt

clean:  ## remove .venv, var, dist, build
	rm -rf $(VENV) var dist build

fuzz-codecs: $(VENV)/.dev  ## bytes against a codec, guided by coverage (Python 3.11): TARGET=sparkplug SECONDS=60
	$(BIN)/python -m pip install -q --require-hashes -r requirements/fuzz.txt
	PYTHONPATH=.:tests:tests/mqtt $(BIN)/python -m fuzz $(TARGET) --seconds $(SECONDS)

fuzz-rules: $(VENV)/.dev  ## random cases against the slow reference: CASES=200000 SEED=1 KINDS=silent
	PYTHONPATH=tests $(BIN)/python -m oracle.fuzz --cases $(CASES) --seed $(SEED) --kinds "$(KINDS)"
