# Two commands matter: `make study` and `make test`. Both set up everything they need in .venv.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
STUDY ?= config.yaml
# Where jobs run: profiles/default, this machine; profiles/slurm; profiles/cluster-generic.
PROFILE ?= default
VENV := .venv
BIN := $(VENV)/bin
SNAKEMAKE := $(BIN)/snakemake
# A profile that sends jobs to a scheduler needs the plugins for that.
PLUGINS = $(if $(shell grep -sE '^executor: *(slurm|cluster-generic)' profiles/$(PROFILE)/config.yaml),cluster)
# Further arguments for snakemake: make study ARGS="--cores 1 -n"
ARGS ?=

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12
	@echo
	@echo "STUDY=studies/gallery.yaml names another study; PROFILE=slurm another place; ARGS=... goes to snakemake."

.PHONY: setup
setup: $(VENV)/installed ## create .venv with the locked versions

.PHONY: cluster
cluster: $(VENV)/cluster ## add the plugins that send jobs to a cluster (PROFILE=slurm and PROFILE=cluster-generic do)

$(VENV)/cluster: $(VENV)/installed requirements-cluster.lock
	$(BIN)/python -m pip install --quiet --requirement requirements-cluster.lock --constraint requirements.lock
	touch $@

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("error: Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; name another one: make PYTHON=python3.12")'
	@echo "Setting up $(VENV): about two minutes and 2 GB (more where torch brings CUDA)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.PHONY: study
study: setup $(PLUGINS) ## run the study and print its table
	@$(BIN)/python -m essential_sparsity.study $(STUDY)
	$(SNAKEMAKE) study --workflow-profile profiles/$(PROFILE) --configfile $(STUDY) $(ARGS)

.PHONY: fetch
fetch: setup ## download and prepare what the study needs, here, so that its jobs need no network
	@$(BIN)/python -m essential_sparsity.study $(STUDY)
	$(SNAKEMAKE) fetch --configfile $(STUDY) $(ARGS)

.PHONY: plan
plan: setup $(PLUGINS) ## tell what the study asks for, what is there, what the rest costs; ARGS="--gpus 4"
	@$(BIN)/python -m essential_sparsity.estimate $(STUDY) $(if $(filter file,$(origin PROFILE)),,--profile $(PROFILE)) $(ARGS)

.PHONY: figures
figures: setup ## redraw the study's figures and its report from cached tables: no network, no training
	@$(BIN)/python -m essential_sparsity.study $(STUDY)
	$(SNAKEMAKE) figures report --profile profiles/figures --forceall --configfile $(STUDY) $(ARGS)

.PHONY: repair
repair: setup ## find damaged files in results/, remove them, make them again; ARGS="--check" only tells
	@$(BIN)/python -m essential_sparsity.study $(STUDY)
	@$(BIN)/python -m essential_sparsity.repair $(STUDY) --profile $(PROFILE) $(ARGS)

.PHONY: keep
keep: setup ## keep results across a change of the code, if a sample made anew is equal; ARGS="--sample 3"
	@$(BIN)/python -m essential_sparsity.keep $(STUDY) --profile $(PROFILE) $(ARGS)

.PHONY: bundle
bundle: setup ## pack what the study's figures need into one file to share; ARGS="--masks --output FILE"
	@$(BIN)/python -m essential_sparsity.bundle pack $(STUDY) $(ARGS)

.PHONY: unbundle
unbundle: setup ## check a bundle and put its files in place: make unbundle BUNDLE=FILE
	$(if $(BUNDLE),,$(error BUNDLE: not given; make unbundle BUNDLE=FILE))
	@$(BIN)/python -m essential_sparsity.bundle unpack $(BUNDLE)

.PHONY: test
test: setup ## run the tests
	@# Tests call make themselves: what was said to this one is not for them.
	env -u MAKEFLAGS -u MAKEOVERRIDES -u ARGS $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

.PHONY: bench
bench: setup ## measure speed and memory beside other tools, about 20 minutes; write docs/benchmarks.md
	$(BIN)/python -m benchmarks $(or $(ARGS),--write)

.PHONY: validation
validation: setup ## simulate curves with known turning points, about 20 minutes; write docs/validation.md
	$(BIN)/python -m simulations $(or $(ARGS),--write)
	$(BIN)/python -m simulations.clusters $(or $(ARGS),--write)

.PHONY: quick
quick: quick-tests quick-lint ## unit tests and lint without Snakemake, in two minutes: after each small change

.PHONY: quick-tests
quick-tests: setup
	env -u MAKEFLAGS -u MAKEOVERRIDES -u ARGS $(BIN)/python -m pytest -n 2 --dist loadfile \
	    -m "not (workflow or cluster or long or slow)" $(ARGS)

.PHONY: quick-lint
quick-lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/python .ci/lint.py
	$(BIN)/python -m essential_sparsity.study.reference --check

.PHONY: lint
lint: quick-lint ## check style, types, the workflow, pins, links and generated docs
	$(SNAKEMAKE) --lint

.PHONY: audit
audit: ## ask for known vulnerabilities of the locked packages, with pip-audit in .venv-audit
	@test -x .venv-audit/bin/pip-audit || { $(PYTHON) -m venv .venv-audit && \
	    .venv-audit/bin/python -m pip install --quiet pip-audit==2.10.1; } || true
	@$(PYTHON) .ci/audit.py .venv-audit/bin/pip-audit requirements.lock requirements-cluster.lock

.PHONY: docs
docs: setup ## regenerate what follows from the code: configuration, JSON schemas, API, table of artifacts
	$(BIN)/python -m essential_sparsity.study.reference

.PHONY: lock
lock: setup ## write the versions of .venv to requirements.lock
	{ head -n 2 requirements.lock; $(BIN)/python -m pip freeze --exclude-editable --all | grep -vE '^(pip|wheel|snakemake-executor-plugin-.*)==' | sed 's/+cpu//' | sort -f; } > requirements.lock.new
	mv requirements.lock.new requirements.lock
