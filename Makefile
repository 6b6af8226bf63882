# Everything a clone needs: Python 3.11 or newer with pip, and make. The rest is set up by the targets below.
# Stamp files in .venv keep the second time quick; they follow the requirements.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP = $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check install --quiet
TEMPLATES = $(shell find templates -name '*.html' 2>/dev/null)
DEBIAN := chromium fonts-inter prometheus
SOURCES := platform workloads metrics tests examples manage.py

.DEFAULT_GOAL := run
.PHONY: run dev test kit check bench lock clean

run: $(VENV)/run.stamp  ## start Runyard with everything it needs on this machine
	@exec $(BIN)/runyard up

dev: $(VENV)/dev.stamp  ## the same, restarting what a changed file concerns
	@exec $(BIN)/runyard up --reload

test: $(VENV)/dev.stamp $(VENV)/browser.stamp  ## every test, in a real browser too
	@$(BIN)/python -m controlplane build || [ $$? = 3 ]  # without Go the tests that need it say so
	@$(BIN)/pytest $(ARGS)

kit: $(VENV)/dev.stamp  ## build the Kubernetes control plane that the tests start; needs Go
	@$(BIN)/python -m controlplane build

bench: $(VENV)/dev.stamp $(VENV)/browser.stamp  ## the measurements
	@$(BIN)/python -m tests.bench $(ARGS)

# What production sets; the values only have to be well formed, nothing is connected to.
PRODUCTION := RUNYARD_MODE=production RUNYARD_ALLOWED_HOSTS=runyard.example.com \
	RUNYARD_DATABASE_URL=postgresql://runyard@localhost/runyard RUNYARD_REDIS_URL=redis://localhost:6379/0 \
	RUNYARD_SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))')

check: $(VENV)/dev.stamp  ## linters, types, import rules, Django's own checks
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/djhtml --check --tabwidth 2 $(TEMPLATES)
	@export $(PRODUCTION) && set -x && \
	$(BIN)/mypy && \
	$(BIN)/lint-imports && \
	$(BIN)/python manage.py check --deploy --fail-level WARNING && \
	RUNYARD_MODE=test $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

lock: $(VENV)/python.stamp pyproject.toml  ## write the hashed requirements anew from pyproject.toml
	$(PIP) uv
	$(LOCK) pyproject.toml --extra build --output-file requirements.txt
	$(LOCK) pyproject.toml --extra dev --constraint requirements.txt --output-file requirements-dev.txt
LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --python-version 3.11

clean:  ## remove what was set up and all state, the database too
	@[ ! -e var/up.lock ] || flock -n var/up.lock true || { echo "Runyard runs; stop it first (Ctrl-C)."; exit 1; }
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache test-results

# Debian's python3 comes without ensurepip, so the environment is made without pip and filled from outside.
$(VENV)/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Runyard needs Python 3.11 or newer as $(PYTHON); install it, or: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m pip install --help 2>/dev/null | grep -q . || \
	  { echo "$(PYTHON) has no pip; install it (Debian, Ubuntu: apt-get install python3-pip)"; exit 1; }
	@$(PYTHON) -m venv --without-pip $(VENV)
	@touch $@

$(VENV)/run.stamp: $(VENV)/python.stamp requirements.txt pyproject.toml
	@echo "Installing what Runyard needs (a minute, the first time) ..."
	@$(PIP) --require-hashes -r requirements.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements-dev.txt
	@echo "Installing what development needs ..."
	@$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@

$(VENV)/browser.stamp: | $(VENV)/dev.stamp
	@if ! command -v chromium >/dev/null || ! command -v prometheus >/dev/null; then \
	  if [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends $(DEBIAN) >/dev/null; \
	  else \
	    echo "The tests need a browser and a Prometheus: sudo apt-get install $(DEBIAN)"; exit 1; \
	  fi; \
	fi
	@touch $@
