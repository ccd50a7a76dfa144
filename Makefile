# `make` alone lists what there is.
.DEFAULT_GOAL := help
.PHONY: .env help up down status logs seed test lint fmt bench fault lock clean venv

PYTHON := .venv/bin/python
CODE := services shared deploy tests
# No headers, notes or indexes: the lock files name no host and no path.
COMPILE := uv pip compile pyproject.toml --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

help: ## list these targets
	@awk -F ':.*## ' '/^[.a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: venv ## start everything, seed it, print the addresses (PORT=8080)
	@$(PYTHON) -m deploy.local up

down: venv ## end everything; the data stays
	@$(PYTHON) -m deploy.local down

# What is not running by somebody's will is no error; whoever scripts asks deploy.local itself.
status: venv ## how each program is
	@$(PYTHON) -m deploy.local status || test $$? -eq 3

logs: venv ## follow the logs
	@$(PYTHON) -m deploy.local logs

seed: venv ## bring in the demonstration organization again
	@$(PYTHON) -m deploy.local seed

test: venv ## set up what is missing and run the tests
	@$(PYTHON) -m deploy.local install --for-tests
	$(PYTHON) -m tests

lint: venv ## check style, types and who may import whom
	$(PYTHON) -m ruff check $(CODE)
	$(PYTHON) -m ruff format --check $(CODE)
	$(PYTHON) -m mypy $(CODE)
	.venv/bin/lint-imports

fmt: venv ## format the code
	$(PYTHON) -m ruff format $(CODE)
	$(PYTHON) -m ruff check --fix $(CODE)

bench: venv ## measure speed
	$(PYTHON) -m tests.bench

fault: venv ## hurt the stack in every way there is
	$(PYTHON) -m tests.fault

.env: ## write random secrets for docker-compose.yml, or add what it lacks (DEMO=yes to try it out)
	@python3 deploy/compose/generate_env.py $@

lock: .local/uv/bin/uv ## write the lock files anew from pyproject.toml
	.local/uv/bin/$(COMPILE) --output-file requirements.lock
	.local/uv/bin/$(COMPILE) --group dev --output-file requirements-dev.lock
	.local/uv/bin/$(subst pyproject.toml,deploy/compose/mailbox.in,$(COMPILE)) \
		--constraint requirements-dev.lock --output-file deploy/compose/mailbox.lock

clean: down ## end everything and forget all data, logs and secrets
	rm -rf .local

venv: .venv/installed

.venv/installed: requirements-dev.lock
	@python3 -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) --no-print-directory python
	python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

.local/uv/bin/uv:
	@python3 -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) --no-print-directory python
	python3 -m venv .local/uv
	.local/uv/bin/pip install --quiet --disable-pip-version-check uv

.PHONY: python
python:
	@test "$$(id -u)" = 0 && command -v apt-get >/dev/null || \
		{ echo 'Missing: python3 with its venv module. As root: apt-get install --yes python3-venv'; exit 1; }
	apt-get -q update
	DEBIAN_FRONTEND=noninteractive apt-get -q install --yes --no-install-recommends python3-venv </dev/null
