# `make` lists the targets. Everything is installed into this folder: .venv, node_modules, .local.
# GNU make 3.81 suffices, and macOS's own tools: it has no --output-sync, and starts a plain command without our PATH.

# The first of these that fits; PYTHON=… names another.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$python >/dev/null && $$python -I -c '$(FITS)' && { echo $$python; break; }; done)

INSTALLED := .venv/installed
# Isolated from the person's PYTHON… variables, and UTF-8 whatever the locale.
RUN := .venv/bin/python -I -X utf8 -m
# What stops must work with nothing installed, or half of it.
ANY_PYTHON = $(shell .venv/bin/python -I -c '$(FITS)' 2>/dev/null && echo .venv/bin/python || echo '$(PYTHON)')
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: help
help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: up
up: $(INSTALLED)  ## start the laptop's cloud, deploy into it, and send an example through
	@$(RUN) local up

.PHONY: down
down:  ## stop it; the stores keep their data
	@'$(ANY_PYTHON)' -E -s -X utf8 -m local.stop down

.PHONY: status
status:  ## show what runs
	@if test -e $(INSTALLED); then $(RUN) local status || test $$? -eq 3; else echo "nothing is installed: make up"; fi

.PHONY: test
test: $(INSTALLED)  ## run all tests, on clouds of their own
	@echo "side by side, each shown when it ends: $(TESTS)"
	@$(MAKE) --no-print-directory --jobs=3 --keep-going $(TESTS:=/shown-at-the-end)

# Three at a time, the longest first.
TESTS := tests/e2e tests/integration tests/infra tests/clients tests/unit
# By two processes, each with a cloud of its own: these tests mostly wait.
BY_TWO := tests/e2e tests/integration
$(BY_TWO) $(BY_TWO:=/shown-at-the-end): XDIST := --dist=loadfile --tx='2*popen//python=.venv/bin/python -I -X utf8'
.PHONY: $(TESTS)
$(TESTS): $(INSTALLED)
	@$(RUN) pytest --quiet $(XDIST) $@

LONG_TESTS := tests/long
.PHONY: test-long
test-long: $(INSTALLED)  ## run the tests that take many minutes, on clouds of their own
	@$(RUN) pytest $(LONG_TESTS)
	@$(RUN) pytest -m long tests/infra tests/integration tests/e2e
	@HISTORIES=200 $(RUN) pytest tests/integration/test_side_by_side.py
	@EXAMPLES=500 $(RUN) pytest tests/e2e/test_hostile_input.py
	@KILLS=10 $(RUN) pytest tests/e2e/test_redrive.py
	@HISTORIES=20000 SEED=$(SEED) $(RUN) pytest -s tests/integration/test_histories.py
	@.venv/bin/python -m tests.load soak

# Of the generated histories; each run of `make test-long` takes others.
SEED := $(shell date +%s)

# What needs no cloud gives way to what waits for one and takes the longest.
tests/infra/% tests/unit/%: NICE := nice
%/shown-at-the-end: $(INSTALLED)
	@mkdir -p .local/logs; log=.local/logs/$(notdir $*)-tests.log; \
		$(NICE) $(RUN) pytest --quiet $(XDIST) $* >$$log 2>&1; status=$$?; cat $$log; exit $$status

.PHONY: bench
bench: $(INSTALLED)  ## measure how fast the code is, each figure beside its ceiling; 10 minutes
	@$(RUN) bench $(BENCH)

.PHONY: bench-large
bench-large: $(INSTALLED)  ## measure how a ledger of 5,000,000 rows and its graph change that; up to 90 minutes
	@$(RUN) bench.large $(BENCH)

.PHONY: bench-pages
bench-pages: $(INSTALLED)  ## time the console's pages on the running local cloud, in chromium
	@. .local/env; $(RUN) bench.pages $(BENCH)

.PHONY: check
check: $(INSTALLED)  ## lint and type-check
	@$(RUN) ruff check
	@$(RUN) ruff format --check
	@.venv/bin/lint-imports --no-logo --no-cache
	@.venv/bin/squawk runtime/chalicelib/ledger/migrations/*.sql
	@$(RUN) mypy
	@git ls-files -z | xargs -0 node_modules/.bin/secretlint

.PHONY: scan
scan: $(INSTALLED)  ## run security scanners; a finding that tests/scan/accepted.toml does not explain fails
	@.venv/bin/python -m tests.scan

.PHONY: audit
audit: $(INSTALLED)  ## look up known vulnerabilities of all that is pinned; what was not looked up is no pass
	@.venv/bin/python -m tests.scan.audit

.PHONY: sbom
sbom: $(INSTALLED)  ## list what the functions ship, as CycloneDX in .local
	@.venv/bin/python -m tests.scan.sbom

.PHONY: mutants
mutants: $(INSTALLED)  ## put faults into the code and see that the tests notice; 20 minutes
	@.venv/bin/python -m tests.mutants
	@.venv/bin/python -m tests.mutants.pure

.PHONY: test-faults
test-faults: $(INSTALLED)  ## kill, freeze, fill and cut the running system under a stream of POSTs; 20 minutes
	@$(RUN) pytest -s tests/faults

.PHONY: load
load: $(INSTALLED)  ## front to saturation, the worker for 10 minutes, 50,000 messages; 20 minutes
	@.venv/bin/python -m tests.load

.PHONY: lock
lock: $(INSTALLED)  ## pin what pyproject.toml and package.json ask for
	.venv/bin/uv pip compile $(LOCK) pyproject.toml --extra dev --extra runtime -o requirements/dev.txt
	$(call EXTRA,runtime) | .venv/bin/uv pip compile $(LOCK) - -c requirements/dev.txt -o runtime/requirements.txt
	$(call EXTRA,scan) | .venv/bin/uv pip compile $(LOCK) - -o requirements/scan.txt
	.venv/bin/npm install --package-lock-only
	.venv/bin/node -e '$(WITHOUT_ADDRESSES)'
# One of pyproject.toml's lists, without the project's own dependencies.
EXTRA = .venv/bin/python -I -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		print(*project["optional-dependencies"]["$(1)"], sep="\n")'
WITHOUT_ADDRESSES = const fs = require("fs"), lock = JSON.parse(fs.readFileSync("package-lock.json")); \
	for (const one of Object.values(lock.packages)) delete one.funding; \
	fs.writeFileSync("package-lock.json", JSON.stringify(lock, null, 2) + "\n")
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

.PHONY: openapi
openapi: $(INSTALLED)  ## write the API's documentation, docs/openapi.json and docs/api.html, and the TypeScript types from the models
	@$(RUN) local.front.openapi
	@openapi-typescript docs/openapi.json --default-non-nullable=false -o clients/typescript/src/openapi.ts

.PHONY: synth
synth: $(INSTALLED)  ## write every environment's templates into cdk.out; needs no account
	@node_modules/.bin/cdk synth --quiet

.PHONY: screenshot
screenshot: $(INSTALLED)  ## draw the stats page for README again; needs chromium
	@.venv/bin/python -m tests.screenshot

.PHONY: demo-data
demo-data: $(INSTALLED)  ## post what 200 made-up people did in 60 days to the running local cloud
	@$(RUN) local.demo_data $(DEMO)

.PHONY: clean
clean:  ## stop it and remove it, with its data and all that was installed
	@'$(ANY_PYTHON)' -E -s -X utf8 -m local.stop clean

# Again when the pins have changed, or the Python of .venv has gone, or this folder was moved: paths are in .venv.
ifneq ($(shell .venv/bin/python -I -X utf8 -c 'print(open("$(INSTALLED)").read())' 2>/dev/null),$(CURDIR))
$(INSTALLED): again
endif
.PHONY: again
again:

$(INSTALLED): pyproject.toml requirements/uv.txt requirements/dev.txt package-lock.json
	@test "$$('$(PYTHON)' -I -c '$(FITS)' 2>/dev/null && '$(PYTHON)' -I -c 'print("fits")' 2>/dev/null)" = fits || { \
		echo "Error: needs Python 3.11 to 3.14, which '$(PYTHON)' is not: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@'$(PYTHON)' -E -s -X utf8 -m local.install
