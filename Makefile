# Every target installs what it needs into .venv first; `make help` lists them.
SHELL := bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install check test test-slow train evaluate demo constraints

BIN := .venv/bin
INSTALLED := .venv/.installed
PYTHON ?= python3
CONSTRAINTS := uv pip compile --no-config --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command 'make constraints' --group build

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

install: $(INSTALLED) ## make .venv: uv when it is there, pip otherwise; pinned and hash-checked

$(INSTALLED): constraints.txt pyproject.toml .ci/install .ci/system-packages
	@.ci/install
	@touch $@

check: $(INSTALLED) ## the gate: format, lint, types, walls between the packages, images
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/shellcheck .ci/install .ci/run .ci/system-packages
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml

test: $(INSTALLED) ## every test that is not slow; closes with what ran, what was skipped and why
	$(BIN)/pytest -m "not slow" -n 2

# pytest says 5 when no test was selected.
test-slow: $(INSTALLED) ## the slow tests
	$(BIN)/pytest -m slow || [ $$? -eq 5 ]

train: $(INSTALLED) ## learn from the imported events and publish a bundle
	$(BIN)/endcap train

evaluate: $(INSTALLED) ## measure every model on what shoppers did later
	$(BIN)/endcap evaluate

# The first run takes minutes. Later ones serve what is there within seconds.
demo: ## a year of a real grocer: import, train, serve on port 8000, and what household 1029 should see
	@.ci/system-packages
	@$(PYTHON) .ci/demo.py

# No address of an index may enter the file: whoever installs uses the one that is set up where they are.
# constraints.txt is everything; the other two are those parts of it that the images of the Dockerfile install.
constraints: ## resolve the newest versions again, for every platform; needs uv on the PATH
	$(CONSTRAINTS) --upgrade --all-extras --output-file constraints.txt pyproject.toml
	$(CONSTRAINTS) --upgrade --constraint constraints.txt --output-file constraints-service.txt pyproject.toml
	$(CONSTRAINTS) --upgrade --constraint constraints.txt --extra train --output-file constraints-trainer.txt pyproject.toml
