# The verbs of this house. `make` alone prints them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
STACK_STAMP := $(VENV)/.stack
# The tests wait more than they compute: three at a time suit two cores. Each has servers of its own.
# In the order of their folders the long ones come first and the short ones fill the end.
PYTEST := $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

# Each test process would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup up test test-unit test-integration test-e2e test-compose chaos chaos-deployments check lint types imports pins format lock bench wheel docs site screenshots

help: ## print these verbs
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

setup: $(STAMP) ## make .venv with everything in it, from pinned and hashed requirements

PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "webjobs needs Python 3.11 or newer; say which: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@echo "installing $< into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) --require-hashes -r $<
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@
endef

$(STAMP): requirements/dev.txt pyproject.toml
	$(install)

$(STACK_STAMP): requirements/stack.txt pyproject.toml
	$(install)

# What builds and tests the project takes three times as long to install: who wants to run it need not wait for that.
up: $(if $(wildcard $(STAMP)),$(STAMP),$(STACK_STAMP)) ## run everything here: NATS, Postgres, api, runner, history (Ctrl-C stops all)
	@exec $(BIN)/webjobs up $(ARGS)

test: setup ## every test but those of docker-compose.yml
	$(PYTEST) tests

test-unit: setup ## rules and handlers, without servers
	$(PYTEST) tests/unit tests/contract

test-integration: setup ## one service at a time against real NATS and Postgres
	$(PYTEST) tests/integration

test-e2e: setup ## the whole stack as processes
	$(PYTEST) tests/e2e

test-compose: setup ## docker-compose.yml on a container engine; skipped with the reason where there is none
	$(BIN)/python -m pytest tests/compose

chaos: setup ## kill, pause and cut off parts under load: ROUNDS=n from SEED=s, DURATION=t seconds of faults each, CLUSTER=3 servers of NATS
	CHAOS_CLUSTER=$(CLUSTER) CHAOS_ROUNDS=$(or $(ROUNDS),10) CHAOS_SEED=$(SEED) CHAOS_SECONDS=$(or $(DURATION),6) \
		$(BIN)/python -m pytest tests/chaos/test_chaos.py -v

chaos-deployments: setup ## kill uv, npm, api, runner and servers while packages are installed: ROUNDS=n from SEED=s
	CHAOS_ROUNDS=$(or $(ROUNDS),20) CHAOS_SEED=$(SEED) $(BIN)/python -m pytest tests/chaos/test_deployment_kills.py -v --log-cli-level=INFO

check: lint types imports pins ## all that a reviewer should not have to check

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy
	$(BIN)/mypy benchmarks docs/generate.py docs/screenshots.py docs/build_site.py release

imports: setup ## who may import whom
	$(BIN)/lint-imports --no-cache

pins: ## no download address among the pins
	@! grep -rn '://' requirements/ || { echo "requirements/ must not record addresses: make lock"; exit 1; }

format: setup ## let ruff format and mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

UV_COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --quiet --custom-compile-command "make lock"
lock: ## pin every dependency with its hashes (needs a .venv with uv)
	$(UV_COMPILE) pyproject.toml --group dev -o requirements/dev.txt
	$(UV_COMPILE) --group images -o requirements/runtime.txt
	$(UV_COMPILE) pyproject.toml --group build --constraint requirements/dev.txt -o requirements/stack.txt

wheel: setup ## build the wheels of both distributions into dist/
	$(BIN)/python release/build.py

bench: setup ## measure, as ratios to a yardstick in the same run
	$(BIN)/python benchmarks/run.py $(ARGS)

site: setup ## build the documentation as a site into build/site
	$(BIN)/python docs/build_site.py

screenshots: setup ## take the pictures in the README; needs Chromium
	$(BIN)/python docs/screenshots.py

docs: setup ## write the generated pages, check that the docs name every event, route, setting and command
	$(BIN)/python docs/generate.py
	$(BIN)/python -m pytest tests/unit/docs tests/unit/api/test_routes.py
