# Everything that one does with the suite. Needs Python 3.11 or later, make and git; the rest comes with `make install`, which the others call.
#
# Settings, as `make run PORT_BASE=9000 BROKER=kafka`:
#   PORT_BASE=8000        services listen on the ports after it, Postgres on +32, the broker on +92
#   REGULARS_HOME=.regulars   where data, logs and keys are
#   DEMO=cdnow|none       which history the first start loads
#   BROKER=tansu|kafka    embedded broker; kafka is Apache Kafka 4 and needs Java 17 and Maven
#   DATABASE_URL, KAFKA_BOOTSTRAP_SERVERS   servers of your own instead of the embedded ones; PG_BIN: Postgres programs of your own

SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= $(firstword $(foreach version,3.11 3.12 3.13 3.14,$(shell command -v python$(version))) $(shell command -v python3))
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := shared $(wildcard services/*) deploy/local
EDITABLE := $(foreach package,$(PACKAGES),$(if $(wildcard $(package)/pyproject.toml),-e $(package)))
SERVICES := customers feedback loyalty analytics
RUNNER := $(BIN)/python -m local_runner
WORKERS ?= 2
# A suite is twenty processes: each would compile all its modules anew where this is set, which takes longer than all else of a start.
export PYTHONDONTWRITEBYTECODE :=

##@ Running it

run: install  ## Start everything, show the logs; Ctrl-C stops it
	@exec $(RUNNER) run

up: install  ## Start everything in the background
	@$(RUNNER) up

down: install  ## Stop what `make up` started
	@$(RUNNER) down

status: install  ## How each part is
	@$(RUNNER) status

env: install  ## Addresses and key as shell assignments
	@$(RUNNER) env

demo: install  ## Load the CDNOW history; twice changes nothing
	@$(RUNNER) demo

reset: install  ## Stop everything and delete all its data
	@$(RUNNER) reset

doctor: install  ## Does this machine have what the suite needs?
	@$(RUNNER) doctor

##@ Working on it

test: install  ## Everything on embedded Postgres and broker: units, services, whole suite, faults
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not kafka" shared/tests services deploy/local/tests deploy/containers/tests deploy/examples/tests
	$(BIN)/pytest deploy/e2e deploy/faults

test-kafka: install  ## Messaging, the whole suite and faults once more, on Apache Kafka (needs Java 17 and Maven)
	$(BIN)/pytest -m kafka shared/tests
	BROKER=kafka $(BIN)/pytest deploy/e2e deploy/faults/test_frozen.py deploy/faults/test_kill_infrastructure.py deploy/faults/test_replay.py

check: install  ## Lint, types, imports, generated files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/python -m shared.testing.house_lints
	$(BIN)/python deploy/contracts/listeners.py --check
	$(BIN)/python -m shared.contracts.generate --check
	@for service in $(SERVICES); do $(BIN)/python -m $$service openapi --check || exit 1; done

generated: install  ## Write the generated files anew
	$(BIN)/python deploy/contracts/listeners.py
	$(BIN)/python -m shared.contracts.generate
	@for service in $(SERVICES); do $(BIN)/python -m $$service openapi || exit 1; done

bench: install  ## Measure; figures go to docs/benchmarks
	$(BIN)/python deploy/bench

example: install  ## Run the example programme over the histories of two shops; reports go to docs/examples
	$(BIN)/python deploy/examples

lock: install  ## Resolve the dependencies of all packages anew
	sh deploy/lock

##@ Installing it

install: $(VENV)/.installed  ## Make the environment; quick when nothing changed

$(VENV)/.installed: requirements.lock pyproject.toml $(wildcard shared/pyproject.toml services/*/pyproject.toml deploy/local/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; name it: make PYTHON=/path/to/python"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || { awk '/^[^ #]/ { keep = /^uv==/ } keep' requirements.lock > $(VENV)/uv.txt \
		&& $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt; }
	@echo "Installing the dependencies"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps $(EDITABLE)
	@touch $@

clean:  ## Delete the environment and caches, not the data
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis deploy/kafka/target
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## This list
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo

.PHONY: run up down status env demo reset doctor test test-kafka check generated bench example lock install clean help
