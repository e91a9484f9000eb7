# Two commands are enough on a fresh clone: `make demo` and `make test`.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
CHECKED := $(VENV)/.constraints.checked
# One resolver call for writing and for checking, so that the two cannot disagree.
COMPILE := $(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
           --no-header --quiet

.DEFAULT_GOAL := help
.PHONY: help setup demo test faults check docs dist audit constraints check-constraints browser clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 25

setup: $(STAMP) ## make .venv with everything in it (1-2 GB with torch; once)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Studyhall needs Python 3.11 or newer and '$(PYTHON)' is not:" \
	       "install one and run 'make $(MAKECMDGOALS) PYTHON=python3.11'." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
	  rm -rf $(VENV); echo "'$(PYTHON) -m venv' failed:" \
	       "on Debian and Ubuntu install its package with 'apt-get install python3-venv'." >&2; exit 1; }
	@echo "Installing Studyhall into $(VENV), 1-2 GB with torch: a few minutes the first time."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' || { \
	  echo "The installation failed; pip's reason is above. Check the network and the free disk space" \
	       "and run 'make setup' again: what was downloaded is kept." >&2; exit 1; }
	@touch $(STAMP)

demo: setup ## run a real study to its end on this machine
	@$(BIN)/studyhall demo

# In CI a browser test may not be skipped, so CI brings the browser.
test: setup $(if $(filter true,$(CI)),browser) check ## all checks, then all tests; pytest's closing line is the last
	@$(BIN)/python -m pytest -n auto --dist loadgroup

faults: setup ## kill, cut and starve a server for 90 seconds: nothing acknowledged may be lost (on a quiet machine)
	@STUDYHALL_FAULTS=1 $(BIN)/python -m pytest tests/faults/test_smoke.py

check: setup check-constraints ## format, lint, types, import contracts, constraints
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup ## build the documentation into build/docs, with every link checked; needs no network
	@$(BIN)/python -m sphinx -W --keep-going --quiet --fresh-env -b html docs build/docs
	@echo "open build/docs/index.html"

dist: setup ## build the wheel and the source archive into dist/, the same bytes from the same commit
	@rm -rf dist
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m hatchling build -d dist

audit: setup ## secrets in the checkout, what is inside (build/sbom.json), and known holes of it (needs a network)
	@$(BIN)/python -m pytest -q tests/house/test_audit.py
	@mkdir -p build && $(BIN)/cyclonedx-py requirements constraints.txt --pyproject pyproject.toml 	  --output-reproducible -o build/sbom.json
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[audit]'
	@$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict

constraints: setup ## write constraints.txt anew, with the newest releases pyproject.toml allows
	$(COMPILE) --upgrade -o constraints.txt

check-constraints: setup $(CHECKED)

# uv keeps every version it finds in the output file, so a new release upstream changes nothing here:
# only a pyproject.toml that constraints.txt no longer fits does.
$(CHECKED): pyproject.toml constraints.txt
	@cp constraints.txt $(CHECKED).new
	@$(COMPILE) -o $(CHECKED).new || { \
	  echo "uv could not resolve pyproject.toml; its reason is above." >&2; exit 1; }
	@diff -u constraints.txt $(CHECKED).new || { \
	  echo "constraints.txt does not fit pyproject.toml: run 'make constraints' and commit it." >&2; exit 1; }
	@mv $(CHECKED).new $(CHECKED)

browser: ## install Debian's Chromium for the dashboard's tests (root only)
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null; } || { \
	  echo "No chromium: install one with your system's package manager" \
	       "(Debian: 'sudo apt-get install chromium')." >&2; exit 1; }
	@command -v chromium >/dev/null || { apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; }

clean: ## remove the environment and every cache
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
