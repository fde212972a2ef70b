# tailws: `make run` shows this machine's logs, `make test` proves that all of it works.
# Every target sets up what it needs; `make help` lists them.

PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
# Debian packages that the whole test suite needs; installed only by root.
PACKAGES = chromium fonts-dejavu-core libsystemd-dev pkg-config gcc logrotate nginx-light caddy haproxy python3-systemd

.PHONY: help run test check unit packages autobahn fuzz soak bench bench-full bench-page soak-day screenshots matrix wheel deb clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 20

run: $(VENV)/run ## follow this machine's logs and print the address to open
	@mkdir -p .run
	@exec $(BIN)/python -m tailws --config config/demo.yaml

test: packages $(VENV)/dev check unit ## all gates and all tests
	@echo "all tests passed"

check: $(VENV)/dev ## the fast gates: style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@.ci/node-tools
	$(VENV)/node/node_modules/.bin/tsc -p web/tsconfig.json --typeRoots $(VENV)/node/node_modules/@types

unit: $(VENV)/dev
	node --test tests/web/model/*.test.js
	@# Most of these wait; a browser or a booted machine needs a core for itself.
	$(BIN)/python -m pytest -n 3 --dist loadfile --ignore tests/web --ignore tests/service
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/web tests/service

packages:
	@.ci/packages $(PACKAGES)

$(VENV)/run: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what tailws needs into $(VENV) ..."
	@$(BIN)/pip install -qq --disable-pip-version-check -e .
	@touch $@

$(VENV)/dev: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what the tests need into $(VENV) ..."
	@$(BIN)/pip install -qq --disable-pip-version-check -e '.[dev]'
	@! pkg-config --exists libsystemd || $(BIN)/pip install -qq --disable-pip-version-check systemd-python
	@touch $@ $(VENV)/run

autobahn: $(VENV)/dev ## the whole Autobahn testsuite against the codec (about 15 minutes)
	PYTHON=$(BIN)/python tests/autobahn/run.sh all

fuzz: $(VENV)/dev ## random and mutated input for FUZZ seconds (60)
	$(BIN)/python -m tests.fuzz.fuzz $(or $(FUZZ),60)

soak: $(VENV)/dev ## random programs against the model: PROGRAMS of them (5000), then real daemons for SOAK seconds (600)
	TAILWS_PROGRAMS=$(or $(PROGRAMS),5000) $(BIN)/python -m pytest -q --timeout 36000 tests/logs/test_model.py
	TAILWS_SOAK=$(or $(SOAK),600) $(BIN)/python -m pytest -q --timeout 36000 tests/following/test_model.py -k soak

bench: $(VENV)/dev ## measure beside a floor in C and beside others (two minutes)
	$(BIN)/python benchmarks/bench.py

bench-full: $(VENV)/dev ## all workloads, with plots, into docs/performance.md (fifteen minutes)
	$(BIN)/python benchmarks/bench.py --full --write

bench-page: packages $(VENV)/dev ## the page under load, and on 10 GB, into docs/performance.md (six minutes)
	$(BIN)/python benchmarks/page.py --write

soak-day: $(VENV)/dev ## a day of rotation, reconnects, reloads and laggards, in DURATION seconds (300)
	$(BIN)/python benchmarks/soak.py --seconds $(or $(DURATION),300)

matrix: ## the tests that need no browser and no root under every Python that is there
	@.ci/matrix

screenshots: packages $(VENV)/dev ## the pictures of the README, into docs/img
	$(BIN)/python -m tests.web.screenshots docs/img

wheel: $(VENV)/dev ## build a wheel into dist/
	$(BIN)/python -m hatchling build -t wheel

deb: $(VENV)/dev ## build a Debian package into dist/
	@.ci/deb

clean: ## remove what the targets made
	rm -rf $(VENV) .run dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
