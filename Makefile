# Every target installs what it needs into .venv first; `make help` lists them.
SHELL := bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install check test test-slow train evaluate demo constraints

BIN := .venv/bin
INSTALLED := .venv/.installed
HOUSEHOLD := 1029
TABLE := $(or $(ENDCAP_HOME),var)/demo-evaluation.txt

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

install: $(INSTALLED) ## make .venv: uv when it is there, pip otherwise; pinned and hash-checked

$(INSTALLED): constraints.txt pyproject.toml .ci/install
	@.ci/install
	@touch $@

check: $(INSTALLED) ## the gate: format, lint, types, walls between the packages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(INSTALLED) ## every test that is not slow; closes with what ran, what was skipped and why
	$(BIN)/pytest -m "not slow" -n 2

# pytest says 5 when no test was selected.
test-slow: $(INSTALLED) ## the slow tests
	$(BIN)/pytest -m slow || [ $$? -eq 5 ]

train: $(INSTALLED) ## learn from the imported events and publish a bundle
	$(BIN)/endcap train

evaluate: $(INSTALLED) ## measure every model on what shoppers did later
	$(BIN)/endcap evaluate

# The first run takes minutes. Later ones find the bundle and the table and answer at once.
demo: $(INSTALLED) ## a year of a real grocer: import, train, evaluate, and what household 1029 should buy next
	@$(BIN)/endcap models show >/dev/null 2>&1 || { rm -f $(TABLE); $(BIN)/endcap import complete-journey && $(BIN)/endcap train; }
	@test -s $(TABLE) || { COLUMNS=120 $(BIN)/endcap evaluate --models endcap,popular >$(TABLE).part && mv $(TABLE).part $(TABLE); }
	@cat $(TABLE)
	$(BIN)/endcap recommend --user $(HOUSEHOLD) --placement home

# No address of an index may enter the file: whoever installs uses the one that is set up where they are.
constraints: ## resolve the newest versions again, for every platform; needs uv on the PATH
	uv pip compile --no-config --quiet --upgrade --universal --generate-hashes --all-extras --group build \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make constraints' \
		--output-file constraints.txt pyproject.toml
