# Two commands matter: `make demo` shows the product at work, `make test` proves it.
# Both set everything up by themselves; the rest is for people who work on it.

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready

# Python keeps what it has compiled, whatever the machine's settings say: tests start hundreds of it.
unexport PYTHONDONTWRITEBYTECODE

# Tests wait for processes and sockets a third of their time: one more worker than processors.
WORKERS := $(shell expr $$(nproc) + 1)

.PHONY: help setup demo test lint unit journeys bench agent docs release pictures screenshots test-postgres torture threats format lock clean
.DEFAULT_GOAL := help

help:
	@echo "make demo      the whole story on this machine (KEEP=1 leaves it running, STORE=s3 uses a real S3 server)"
	@echo "make test      lint, types, import rules, unit tests, journeys"
	@echo "make torture   power cuts, full disks, hostile servers and inputs at full length (two hours or more)"
	@echo "make test-postgres  the server's unit tests once more, all of them on PostgreSQL"
	@echo "make threats   the tests of every threat, one table (minutes; PAGE=1 writes docs/threats.md anew)"
	@echo "make lint      ruff, mypy, import-linter"
	@echo "make agent     the agent as one file, build/hsp-updater, for machines with python3 and no pip"
	@echo "make docs      the documentation as a site that needs no network, build/site (SERVE=1 shows it)"
	@echo "make release   everything that a release consists of, build/release (TWICE=1 compares two builds)"
	@echo "make bench     measure against others' tools; figures go to build/bench.json"
	@echo "make format    rewrite the code as ruff likes it"
	@echo "make screenshots  the console's pages as pictures for docs/console.md"
	@echo "make pictures  draw the pictures of the documentation anew"
	@echo "make lock      pin the dependencies anew (requirements.lock)"
	@echo "make clean     remove what the other targets made"

setup: $(READY)

$(READY): requirements.lock pyproject.toml infra/setup.sh
	@infra/setup.sh $(VENV)
	@touch $@

demo: $(READY)
	@$(BIN)/python -m infra.demo.packages
	@$(BIN)/python -m infra.demo $(if $(filter s3,$(STORE)),--store s3) $(if $(KEEP),--keep)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: lint unit journeys

unit: $(READY)
	$(BIN)/pytest -n $(WORKERS) -q -m "not journey"

# Where journeys are: nobody has to read the other 4,600 tests for them.
JOURNEYS := tests/journeys tests/threats tests/torture
journeys: $(READY)
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -q -m journey $(JOURNEYS)

agent: $(READY)
	@infra/agent.sh $(VENV)

docs: $(READY)
	@$(BIN)/python -m infra.docs_site $(if $(SERVE),--serve)

release: $(READY)
	@$(BIN)/python -m infra.release $(if $(TWICE),--twice)

bench: $(READY)
	$(BIN)/python -m tests.benchmarks

pictures: $(READY)
	@$(BIN)/python -m infra.pictures
	@$(BIN)/python -m infra.docs_site.diagrams

screenshots: $(READY)
	@$(BIN)/python -m infra.screenshots

test-postgres: $(READY)
	HSP_TEST_DATABASE=postgresql $(BIN)/pytest -n $(WORKERS) -q tests/distribution

torture: $(READY)
	$(BIN)/python -m tests.torture

threats: $(READY)
	$(BIN)/python -m tests.threats $(if $(PAGE),--page docs/threats.md)

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

PART = $(BIN)/uv pip compile --constraint requirements.lock --universal --python-version 3.11 \
  --generate-hashes --no-header --quiet --no-annotate
lock: $(READY)
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	  --all-extras --group dev --group docs --group release --no-header --quiet \
	  --output-file requirements.lock
	for each in tests/simulators/*.in; do \
	  $(BIN)/uv pip compile $$each --universal --python-version 3.11 \
	    --generate-hashes --no-header --quiet --output-file $${each%.in}.lock || exit 1; done
	$(BIN)/uv pip compile pyproject.toml --extra agent --constraint requirements.lock \
	  --universal --python-version 3.11 --generate-hashes --no-header --quiet \
	  --output-file tests/benchmarks/agent.lock
	$(PART) infra/containers/build.in --output-file infra/containers/build.lock
	$(PART) pyproject.toml --extra server --extra kms --extra tracing --output-file infra/containers/server.lock
	$(PART) pyproject.toml --extra agent --output-file infra/containers/agent.lock

clean:
	rm -rf $(VENV) .demo build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
