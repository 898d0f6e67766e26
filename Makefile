# Two commands for newcomers: `make demo` and `make test`. Each sets up what it needs first; `make help` lists the rest.
SHELL := bash
BIN := .venv/bin
JOBS ?= 2
BENCHMARKS ?= limit steps_per_second batch pilotnet memory scale first_use startup
export PYTHON
export NEUROTRAIN_HW_LAVA_VENV ?= $(CURDIR)/.lava-venv

.PHONY: help setup demo test test-slow coverage bench check lint docs docs-serve format wheel constraints clean distclean

help:
	@echo 'make demo         set up, then the whole trip on real digits (ARGS=... is passed on)'
	@echo 'make test         set up, then lint, types, documentation and all tests but the slow ones'
	@echo 'make test-slow    as make test, with the slow tests'
	@echo 'make coverage     as make test, with the lines that no test runs; takes longer'
	@echo 'make bench        set up, then the benchmarks: speed beside Lava, memory, start-up (half an hour of an idle machine)'
	@echo 'make setup        .venv with the exact versions of constraints.txt, and Lava in .lava-venv'
	@echo 'make lint         ruff and mypy;  make format: ruff rewrites'
	@echo 'make docs         the documentation, strictly, into site/;  make docs-serve: on this machine'
	@echo 'make wheel        the wheel, into dist/'
	@echo 'make constraints  write constraints.txt from what .venv holds, after a deliberate upgrade'
	@echo 'make clean        remove what was built;  make distclean: the environments, too'

setup:
	@bash tools/setup.sh

demo: setup
	@$(BIN)/neurotrain-hw demo $(ARGS)

test: check
	@echo 'test: pytest'
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

test-slow: override ARGS += --slow
test-slow: test

coverage: override ARGS += --cov --cov-report=term
coverage: test

bench: setup
	@set -e; for name in $(BENCHMARKS); do echo "## $$name"; echo; $(BIN)/python benchmarks/$$name.py; echo; done

check: setup
	@$(MAKE) --no-print-directory lint docs

lint:
	@echo 'lint: ruff and mypy'
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary

format:
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs:
	@echo 'docs: building site/, strictly'
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs-serve:
	@$(BIN)/mkdocs serve

wheel: setup
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist

constraints:
	@$(BIN)/python tools/write_constraints.py

clean:
	rm -rf build dist site .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find neurotrain_hw tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv .lava-venv
