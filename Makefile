# Everything a developer or a visitor runs. Each target sets up .venv by itself.
#   make demo            the tour, then a running proxy        make demo ONCE=1   the tour alone
#   make test ARGS=...   arguments for pytest                  make fuzz N=10000 SEED=7

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# The first Python that is at least 3.11 and can make virtual environments; the distribution's own comes first, for it is
# built with profile-guided optimisation, and one that is not takes twice as long. Override: make PYTHON=/path/to/python3 ...
PYTHON ?= $(shell for p in /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { command -v $$p; break; }; done)
# Tests start programs of ours hundreds of times: with no byte code kept, each would compile all of it again.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
ARGS ?=
ONCE ?=
N ?= 2000
SEED ?=
SOURCE ?= generator

.PHONY: help demo servers test check compiled test-compiled bench fuzz conformance

help: ## list the targets
	@echo "Louver. Targets:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: .venv/demo.stamp ## a bank behind Louver: the tour, then a proxy to try by hand (ONCE=1: the tour alone)
	$(BIN)/louver demo $(if $(ONCE),--once)

servers: .venv/dev.stamp ## find a MySQL and a MariaDB for the tests, or fetch them into build/servers (ARGS=--bring: fetch both)
	@PYTHONPATH=tests $(BIN)/python -m brought $(ARGS)

# In the order of their names, the small files of tests/unit come last and leave no core idle; xdist would rather begin with what has most
# tests, and end with the few that take longest. Without the servers the tests that need one fail and say what to do; the others run.
# Half as many again as there are cores, for a test waits a third of its time: for servers to start, sessions to end, grants to be over.
WORKERS ?= $(shell echo $$((($$(getconf _NPROCESSORS_ONLN) * 3 + 1) / 2)))
test: .venv/dev.stamp ## all tests, on real servers (ARGS="-k name" for some)
	-@PYTHONPATH=tests $(BIN)/python -m brought
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/dev.stamp ## format, lint, types, import contracts, docker files, documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/yamllint --strict -c docker/.yamllint.yaml docker
	$(BIN)/hadolint docker/Dockerfile
	$(BIN)/pytest tests/docs

compiled: build/compiled/done.stamp ## the hot path as native code, in build/compiled (needs a C compiler)

# A directory of its own: a native copy beside the sources would go on running after they are edited.
build/compiled/done.stamp: .venv/dev.stamp setup.py $(wildcard audit/*.py reports/*.py policies/*.py policies/*/*.py proxy/*.py proxy/*/*.py proxy/*/*/*.py rewriter/*.py rewriter/*/*.py rewriter/*/*/*.py louver/*.py louver/*/*.py)
	@command -v cc >/dev/null || { echo "no C compiler found; install one: apt install gcc libc6-dev python3-dev" >&2; exit 1; }
	@rm -rf build/compiled build/lib.* build/bdist.*
	LOUVER_COMPILE=1 $(BIN)/python -m pip install -qq --no-build-isolation --no-deps --upgrade --target build/compiled .
	@touch $@

# Functions cannot be replaced in native code, which one file of tests does.
NATIVE_TESTS = tests/unit/audit tests/unit/proxy tests/unit/rewriter tests/property tests/fuzz --ignore=tests/unit/rewriter/postgres/test_faults.py

test-compiled: build/compiled/done.stamp ## the tests of the hot path, against its native code
	$(BIN)/pytest -n auto -o pythonpath="build/compiled tests" $(NATIVE_TESTS) $(ARGS)

# Native code needs a C compiler and the headers of the Python that is used.
NATIVE = $(shell command -v cc >/dev/null && [ -n "$(PYTHON)" ] && $(PYTHON) -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' && echo yes)

bench: .venv/dev.stamp $(if $(NATIVE),build/compiled/done.stamp) ## pgbench and large results: direct, through Louver, through PgBouncer; writes build/bench.json
	$(BIN)/python -m benchmarks $(ARGS)

fuzz: .venv/dev.stamp ## generated statements against twins and the masked world (N=50000 SEED=7, goes on where it stopped; SOURCE=mysql, mariadb, mysql-prepared, mariadb-prepared, sqlsmith, or sessions)
ifeq ($(SOURCE),sessions)
	LOUVER_FUZZ_N=$(N) LOUVER_FUZZ_SEED=$(SEED) $(BIN)/pytest tests/fuzz tests/noninterference/test_random.py --timeout=0 $(ARGS)
else
	PYTHONPATH=tests $(BIN)/python -m noninterference.generated --number $(N) --source $(SOURCE) $(if $(SEED),--seed $(SEED)) $(ARGS)
endif

conformance: .venv/dev.stamp ## driver suites of other projects, direct and through Louver (ARGS="psycopg --policy clear"; ARGS="regress --sources DIR", ARGS="mysqltest --sources DIR": the servers' own)
	PYTHONPATH=tests $(BIN)/python -m conformance $(ARGS)

.venv/python.stamp:
	@[ -n "$(PYTHON)" ] || { echo "Louver needs Python 3.11 or newer that can make virtual environments; install it (apt install python3 python3-venv) or give one: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	[ -x $(BIN)/python ] || "$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

.venv/demo.stamp: .venv/python.stamp pyproject.toml
	$(BIN)/python -m pip install -qq --editable '.[demo]'
	@touch $@

.venv/dev.stamp: .venv/python.stamp pyproject.toml
	$(BIN)/python -m pip install -qq --editable '.[demo]' --group dev
	@touch $@ .venv/demo.stamp
