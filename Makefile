# demo and test share one virtual environment, .venv, made on first use.
# Stamp files inside it remember what is installed; a newer pyproject.toml makes them stale.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test lint format docs clean

help:
	@echo "make demo    compare every level on the linear example; results in out/linear"
	@echo "make test    run the tests"
	@echo "make lint    check style, types and the floors"
	@echo "make docs    run the examples and build the site; open site/index.html"
	@echo "make format  rewrite the code in the house style"
	@echo "make clean   remove everything that make made, .venv included"

demo: $(VENV)/.installed
	$(BIN)/myoscale compare linear --out out/linear

test: $(VENV)/.installed-test
	$(BIN)/pytest

# Every check runs even when an earlier one fails: one round shows all there is to mend.
lint: $(VENV)/.installed-test
	@status=0; \
	for check in "ruff check" "ruff format --check" pyright "lint-imports --no-cache --no-logo"; do \
		echo "-- $$check"; $(BIN)/$$check || status=1; \
	done; exit $$status

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Strict: a broken link, a failing example or code block, a name without a page stop it.
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "the site is site/index.html"

# A stamp, not bin/python, is the target: venv leaves bin/python behind when it fails half way.
$(VENV)/.created:
	@command -v "$(PYTHON)" >/dev/null || { \
		echo "myoscale needs Python 3.11 or newer, and '$(PYTHON)' was not found: install it, or say which with 'make PYTHON=/path/to/python3'." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "myoscale needs Python 3.11 or newer, and '$(PYTHON)' is $$("$(PYTHON)" -V 2>&1): say which to use with 'make PYTHON=/path/to/python3'." >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make virtual environments: install its venv module (on Debian: apt install python3-venv)." >&2; exit 1; }
	@echo "making $(VENV) with $$("$(PYTHON)" -V 2>&1)"
	@"$(PYTHON)" -m venv $(VENV)
	@touch $@

# Editable for the demo too: a demo after an edit then shows the edit.
$(VENV)/.installed: pyproject.toml | $(VENV)/.created
	@echo "installing myoscale into $(VENV) (minutes the first time)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(VENV)/.created
	@echo "installing myoscale and its test tools into $(VENV) (minutes the first time)"
	@$(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml | $(VENV)/.created
	@echo "installing myoscale and what builds its site into $(VENV) (minutes the first time)"
	@$(PIP) --editable '.[docs]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) out site build dist .cache .pytest_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
