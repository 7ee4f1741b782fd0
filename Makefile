# Two commands on a fresh machine: `make demo` and `make test`. Each sets up what it needs, once.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup environment demo test check static docs bench

BIN := .venv/bin
# Tests, the demo and the benchmarks start hundreds of processes, and each would compile all modules.
unexport PYTHONDONTWRITEBYTECODE

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## environment in .venv and what the first broker start needs
	@setup/install.sh

environment:
	@setup/install.sh environment

demo: setup ## simulated chargers, live; DEMO_SECONDS=60 ends by itself
	@echo '==> demo'
	@$(BIN)/depotgate demo

test: setup static ## everything, on a real Kafka; about 9 minutes on two slow cores
	@echo '==> tests, unit and on a real broker'
	@$(BIN)/pytest -n 4 --dist loadscope

check: environment static ## format, lint, types, import directions, unit tests; a minute
	@echo '==> unit tests'
	@HYPOTHESIS_PROFILE=check $(BIN)/pytest -q -n 4 --ignore=tests/integration -m 'not sweep'

static:
	@echo '==> format'
	@$(BIN)/ruff format --check --quiet . || { echo '    run: $(BIN)/ruff format .' >&2; exit 1; }
	@echo '==> lint'
	@$(BIN)/ruff check --quiet .
	@echo '==> types'
	@$(BIN)/mypy
	@echo '==> import directions'
	@said=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$said"; exit 1; }

docs: environment ## tables and schemas of docs/, from the code
	@$(BIN)/python -m docs.generate

bench: setup ## decisions per second and latency, beside bare baselines
	@echo '==> benchmarks'
	@$(BIN)/python -m benchmarks
