# Everything a person or a CI machine calls. `make run` and `make test` set up what they need.
PYTHON ?= python3
PY := .venv/bin/python
NODE := $(shell command -v npm 2>/dev/null)
PORT ?= 8000
COMPILE := -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url

# Tests start many processes: where the environment forbids bytecode, each would compile the whole project anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check bench tour format locks contracts words schema clean
.DEFAULT_GOAL := run

run: .make/run  ## set up, then serve the marketplace with the seeded feeder trading live
	@$(PY) manage.py serve --port $(PORT)

test: .make/dev .make/node  ## set up, then run every test
	@$(PY) -m pytest -n 3 --dist worksteal $(ARGS)

check: .make/dev .make/node  ## lint, types, import rules, contract format
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy channels_engine contracts grid marketplace manage.py
	.venv/bin/lint-imports
ifdef NODE
	npm run --silent --prefix marketplace/web check
	npm run --silent --prefix contracts fmt:check
else
	@echo "Node is not installed: tsc and forge fmt are left out"
endif

bench: .make/dev .make/node  ## measure; one area with ONLY=gas|core|...|pages
	@$(PY) -m benchmarks $(ONLY)

mutate: .make/dev .make/node  ## break each check of contracts and core in turn; see docs/mutation.md
	@$(PY) -m tests.mutation $(ARGS)

tour: .make/dev .make/node  ## take the pictures of docs/tour.md anew
	@TOUR=1 $(PY) -m pytest -q tests/e2e

contracts: .make/node  ## recompile the contracts and rewrite their artifacts
	npm run --silent --prefix contracts artifacts

words: .make/run  ## bring the German catalogues up to the sources and compile them; needs GNU gettext
	@$(PY) manage.py words

schema: .make/run  ## rewrite docs/asyncapi.json, docs/schema and the examples of docs/messages.md
	@$(PY) manage.py schema

format: .make/dev
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

locks: .make/dev  ## refresh the locked dependencies from pyproject.toml
	.venv/bin/uv pip compile $(COMPILE) --upgrade --extra postgres --extra redis -o .ci/locks/run.txt pyproject.toml
	.venv/bin/uv pip compile $(COMPILE) --upgrade --extra postgres --extra redis --extra cluster --extra dev -c .ci/locks/run.txt -o .ci/locks/dev.txt pyproject.toml

clean:
	rm -rf .venv .make contracts/node_modules marketplace/web/node_modules tests/clients/node_modules

.make/venv:
	@mkdir -p .make
	@$(PYTHON) -c 'import sys; sys.exit("Wattnote needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Call: make PYTHON=python3.11 ...") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv .venv
	@touch $@

.make/run: .make/venv .ci/locks/run.txt
	@echo "Installing the locked dependencies (once, about two minutes)..."
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r .ci/locks/run.txt
	@touch $@

.make/dev: .make/run .ci/locks/dev.txt
	@echo "Installing the tools for tests and checks (once)..."
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r .ci/locks/dev.txt
	@touch $@

.make/node: contracts/package-lock.json marketplace/web/package-lock.json tests/clients/package-lock.json | .make/venv
ifdef NODE
	@echo "Installing the contract compiler, the checks of the scripts and the other clients (once)..."
	@cd contracts && npm install --no-save --silent --no-audit --no-fund
	@cd marketplace/web && npm install --no-save --silent --no-audit --no-fund
	@cd tests/clients && npm install --no-save --silent --no-audit --no-fund
endif
	@touch $@
