# What can be asked of this checkout. Only Python 3.11 or newer with pip, and make, are needed to begin.

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3.14 python3))
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard app/translations/*/LC_MESSAGES/messages.po))
PYTEST := $(BIN)/pytest -n 2 -m "not long"

.DEFAULT_GOAL := help
.PHONY: help run test check lint fix install install-dev system assets lock catalogues migration bench test-long test-faults shots clean
.NOTPARALLEL:

help: ## What can be asked of make
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: install ## The product on http://127.0.0.1:8080 with a demo company (PORT=… for another port)
	@exec $(BIN)/guanhu serve --demo

test: install-dev system ## All tests, with a real PostgreSQL and a real browser
	$(PYTEST)

check: install-dev system lint ## Everything CI checks, fastest first
	$(PYTEST)

lint: install-dev ## Format, lint, types, layers, templates, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/djlint --check --lint --quiet app/templates
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/codespell --skip '*.po,app/static/vendor,docs/screens,__pycache__' app config.py deploy docs migrations tests Makefile *.md

fix: install-dev ## Format, and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/djlint --reformat --quiet app/templates

test-long: install-dev system ## The tests that take minutes: whole data sets, a million rows
	$(BIN)/pytest -m long

test-faults: install-dev system ## Killed processes, full disks, lost connections
	$(BIN)/pytest tests/faults

bench: install-dev ## The benchmarks
	$(BIN)/python -m bench

shots: install-dev system ## Pictures of the main screens into docs/screens
	$(BIN)/python deploy/shots.py

assets: $(VENV)/installed ## The browser's libraries into app/static/vendor
	@$(BIN)/python deploy/assets.py

install: $(VENV)/installed assets $(CATALOGUES) ## What running needs
install-dev: $(VENV)/installed-dev assets $(CATALOGUES) ## What developing and testing needs
	@$(BIN)/python deploy/assets.py --tests

system: ## Chromium and Chinese fonts, where they can be installed without asking
	@bash deploy/system

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "There is no Python on this machine: install Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is too old: Guanhu needs Python 3.11 or newer (make PYTHON=…)." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what Guanhu stands on (once, a minute or two) …"
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/installed-dev: requirements-dev.lock $(VENV)/installed
	@echo "Installing the tools of development (once, a minute or two) …"
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@touch $@

%.mo: %.po | $(VENV)/installed
	@$(BIN)/pybabel --quiet compile --use-fuzzy --input-file $< --output-file $@ --locale $(notdir $(patsubst %/LC_MESSAGES/,%,$(dir $<)))

# A lock names versions and hashes, never the place they came from.
LOCK := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --build-deps-for=editable
lock: ## Lock the newest versions pyproject.toml allows
	$(LOCK) --upgrade --output-file requirements.lock pyproject.toml
	$(LOCK) --upgrade --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

catalogues: install-dev ## Collect the sentences of code and templates into app/translations
	$(BIN)/pybabel --quiet extract --mapping deploy/babel.cfg --no-location --sort-output --omit-header --output build/messages.pot app
	$(BIN)/pybabel --quiet update --input-file build/messages.pot --output-dir app/translations --omit-header --no-fuzzy-matching --ignore-obsolete

migration: install-dev ## Write the next revision of the schema: make migration m="add a field"
	@PYTHONPATH=. $(BIN)/python deploy/migration.py $(m)

clean: ## Remove what was built; instance/ and its data stay
	rm -rf $(VENV) build app/static/vendor .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info
