# renderfleet: every command of this repository. `make` alone lists them.
#
# Each target first brings .venv up to date (deploy/embedded/install/bootstrap.py). PYTHON chooses the Python
# that makes it: make run PYTHON=python3.13. Settings are given the same way: make run WORKERS=2 API_PORT=8001.

PYTHON ?= python3
VENV_PYTHON := .venv/bin/python

# Compiling only from what pyproject.toml asks, the same for every machine and every supported Python.
COMPILE = $(VENV_PYTHON) -m uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --custom-compile-command "make lock" $(UPGRADE)

# How long a soak or a leak audit is.
LOAD = $(if $(RENDERS),--renders $(RENDERS)) $(if $(WORKERS),--workers $(WORKERS)) $(if $(SECONDS),--seconds $(SECONDS))

# The fleet in containers. WITH=egress, caddy or engines, or several in quotes, adds deploy/compose.NAME.yaml.
COMPOSE = docker compose -f deploy/compose.yaml $(foreach name,$(WITH),-f deploy/compose.$(name).yaml)

# Names of the variables on the command line of make.
GIVEN = $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))

.DEFAULT_GOAL := help
.PHONY: help run shell up down scale logs try test lint audit bench chaos soak leak-audit lock clean environment-run environment-dev

help: ## list the targets
	@printf 'Usage: make TARGET [NAME=value ...]\n\n'
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | awk -F ':.*## ' '{ printf "  %-10s %s\n", $$1, $$2 }'
	@printf '\nFor example: make run WORKERS=2 API_PORT=8001 DATA_DIR=/tmp/second\n'

run: environment-run ## run everything on this machine: Redis, Postgres, S3, the API and WORKERS [1] workers
	@exec $(VENV_PYTHON) -m deploy.embedded --end-with $$PPID --given $(GIVEN)

shell: environment-run ## open a terminal that knows the fleet of make run: renderfleet shot, python -m fleet.keys
	@exec $(VENV_PYTHON) -m deploy.embedded.shell

up: ## start the fleet in containers (Docker), and wait until it is ready; N=3 workers, WITH=egress, caddy, engines
	@sh deploy/secrets.sh
	@$(COMPOSE) up --build --detach --wait $(if $(N),--scale worker=$(N))
	@echo 'An API key: $(COMPOSE) run --rm api python -m fleet.keys create --tenant local --new-tenant'

down: ## stop the containers; their data stays
	@$(COMPOSE) down

scale: ## change how many workers run in containers: make scale N=4
	@$(COMPOSE) up --detach --wait --no-recreate --scale worker=$(or $(N),$(error Say how many: make scale N=4)) worker

logs: ## follow the logs of the containers; OPTIONS=worker chooses
	@$(COMPOSE) logs --follow --tail 100 $(OPTIONS)

try: ## try the containers for real: render, scale, kill, update, restart, a second machine (deploy/try.sh)
	@sh deploy/try.sh

test: environment-dev ## run every test; TESTS=tests/unit chooses some, OPTIONS=-x goes to pytest
	@$(VENV_PYTHON) -m deploy.embedded.install.chromium_install
	@$(VENV_PYTHON) -m tests.kit.programs_install
	@$(VENV_PYTHON) -m tests $(OPTIONS) $(TESTS)

lint: environment-dev ## check style, types and import layers
	@$(VENV_PYTHON) -m ruff check .
	@$(VENV_PYTHON) -m ruff format --check .
	@$(VENV_PYTHON) -m mypy
	@$(VENV_PYTHON) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

# --strict: what the index knows nothing about fails, instead of passing unseen.
audit: environment-dev ## look for known holes in the pinned requirements; asks the package index, so it is not part of `make test`
	@for list in service run dev; do echo "$$list.txt" && $(VENV_PYTHON) -m uv tool run pip-audit@2.10.1 --strict \
		--require-hashes --disable-pip --progress-spinner off -r deploy/requirements/$$list.txt || exit 1; done

bench: environment-dev ## measure, and write docs/benchmarks.md; CASES=post chooses, OPTIONS=--quick only prints
	@$(VENV_PYTHON) -m deploy.embedded.install.chromium_install
	@$(VENV_PYTHON) -m tests.bench $(CASES) $(OPTIONS)

chaos: environment-dev ## break everything under load, and write docs/chaos.md; SECONDS=1800 SEED=7 WORKERS=3
	@$(VENV_PYTHON) -m deploy.embedded.install.chromium_install
	@$(VENV_PYTHON) -m tests.chaos $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(WORKERS),--workers $(WORKERS)) $(OPTIONS)

soak: environment-dev ## render 5,000 pages, compare memory; RENDERS= WORKERS= SECONDS=, KILL_EVERY_S=20 kills browsers
	@$(VENV_PYTHON) -m deploy.embedded.install.chromium_install
	@$(VENV_PYTHON) -m tests.soak soak $(LOAD) $(if $(KILL_EVERY_S),--kill-every-s $(KILL_EVERY_S)) $(OPTIONS)

leak-audit: environment-dev ## look for a worker that leaks; RENDERS= WORKERS= SECONDS=, OPTIONS=--leaky must find one
	@$(VENV_PYTHON) -m deploy.embedded.install.chromium_install
	@$(VENV_PYTHON) -m tests.soak leak-audit $(LOAD) $(OPTIONS)

lock: environment-dev ## pin the requirements anew after a change of pyproject.toml; UPGRADE=--upgrade takes newer ones
	@$(COMPILE) --group dev --output-file deploy/requirements/dev.txt
	@$(COMPILE) --group embedded --constraints deploy/requirements/dev.txt --output-file deploy/requirements/run.txt
	@$(COMPILE) --constraints deploy/requirements/dev.txt --output-file deploy/requirements/service.txt

clean: ## remove .venv and caches; data in .renderfleet stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment-run environment-dev: environment-%:
	@command -v $(PYTHON) >/dev/null || { echo 'renderfleet: there is no $(PYTHON). Install Python 3.11 or newer' \
		'(Debian, Ubuntu: apt-get install python3 python3-venv), or name one: PYTHON=python3.13' >&2; exit 1; }
	@$(PYTHON) -m deploy.embedded.install.bootstrap $*
