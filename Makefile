# `make` lists the targets. Everything is installed into this folder: .venv, node_modules, .local.

# The first of these that fits; PYTHON=… names another.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	command -v $$python >/dev/null && $$python -c '$(FITS)' && { echo $$python; break; }; done)

INSTALLED := .venv/installed
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
# Certificates that this machine trusts are trusted, a company's own among them.
export UV_SYSTEM_CERTS := 1
export NODE_USE_SYSTEM_CA := 1

.PHONY: help
help:  ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

.PHONY: up
up: $(INSTALLED)  ## start the laptop's cloud, deploy into it, and send an example through
	@python -m local up

.PHONY: down
down:  ## stop it; the stores keep their data
	@test ! -e $(INSTALLED) || python -m local down

.PHONY: status
status:  ## show what runs
	@test -e $(INSTALLED) || { echo "nothing is installed: make up"; exit 1; }
	@python -m local status

.PHONY: test
test: $(INSTALLED)  ## run all tests, on clouds of their own
	@echo "side by side, each shown when it ends: $(TESTS)"
	@$(MAKE) --no-print-directory --jobs=3 --keep-going --output-sync=target $(TESTS)

TESTS := tests/e2e tests/integration tests/infra tests/unit
.PHONY: $(TESTS)
$(TESTS): $(INSTALLED)
	@$(NICE) pytest --quiet $@
# What needs no cloud gives way to what waits for one and takes the longest.
tests/infra tests/unit: NICE := nice

.PHONY: check
check: $(INSTALLED)  ## lint and type-check
	ruff check
	ruff format --check
	lint-imports --no-logo --no-cache
	mypy

.PHONY: lock
lock: $(INSTALLED)  ## pin what pyproject.toml asks for
	uv pip compile $(LOCK) pyproject.toml --extra dev --extra runtime -o requirements/dev.txt
	python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		print(*project["optional-dependencies"]["runtime"], sep="\n")' | \
		uv pip compile $(LOCK) - -c requirements/dev.txt -o runtime/requirements.txt
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

.PHONY: synth
synth: $(INSTALLED)  ## write every environment's templates into cdk.out; needs no account
	cdk synth --quiet

.PHONY: screenshot
screenshot: $(INSTALLED)  ## draw the stats page for README again; needs chromium
	@.venv/bin/python -m tests.screenshot

.PHONY: clean
clean:  ## stop it and remove it, with its data and all that was installed
	@test ! -e $(INSTALLED) || python -m local clean
	rm -rf .venv .local node_modules cdk.out chalice.out runtime/.chalice/deployments *.egg-info .hypothesis .*_cache
	find . -name __pycache__ -prune -exec rm -r {} +

PINS := pyproject.toml requirements/uv.txt requirements/dev.txt package-lock.json
ifndef ALONE
$(INSTALLED): $(PINS)
	@flock Makefile $(MAKE) --silent --no-print-directory ALONE=1 $@
else
$(INSTALLED): $(PINS)
	@test "$$('$(PYTHON)' -c '$(FITS)' 2>&1 && '$(PYTHON)' -c 'print("fits")' 2>&1)" = fits || { \
		echo "Error: needs Python 3.11, 3.12 or 3.13, which '$(PYTHON)' is not: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "installing into .venv and node_modules"
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.txt
	@uv pip sync --quiet --require-hashes requirements/dev.txt requirements/uv.txt
	@uv pip install --quiet --no-deps --no-build-isolation --editable .
	@npm ci --silent
	@touch $@
endif
