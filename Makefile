# The few commands people type. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

BIN := .venv/bin
UV ?= uv
PACKAGES := services/tracefoundry operator/tracefoundry_operator sdk/python/tracefoundry_sdk e2e/cluster
MEMBERS := services/pyproject.toml operator/pyproject.toml sdk/python/pyproject.toml
RUNTIME := .venv/.installed-runtime
DEV := .venv/.installed-dev
# Passed on to pytest: make test ARGS='-k tree -x'
ARGS ?=

export PYTHON DEMO_PORT DEMO_OTLP_PORT DEMO_GRPC_PORT DEMO_DATA DEMO_TRACES

.PHONY: help setup setup-dev demo export-trace test test-interop record-interop interop-requirements faults lint format recall bench images test-operator e2e e2e-up e2e-down requirements clean clean-data
help:
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s%s\n", $$1, $$2 }' Makefile

setup: $(RUNTIME)  ## make .venv with the product and its members in it

setup-dev: $(DEV)  ## add the test and lint tools to .venv

# The stamp files make a second call instant; a changed list or member is installed again.
$(RUNTIME): requirements/runtime.txt requirements/build.txt $(MEMBERS)
	@scripts/install.sh runtime
	@touch $@

$(DEV): requirements/dev.txt $(MEMBERS)
	@scripts/install.sh dev
	@touch $@ $(RUNTIME)

demo: setup  ## run the platform with demo traces in it, until Ctrl-C
	@scripts/demo.sh

# PAYLOADS=1 adds contents; OUT names the file. TRACEFOUNDRY_URL and TRACEFOUNDRY_TOKEN are used.
export-trace: setup  ## write a trace as a bundle: TRACE_ID=... [OUT=FILE] [PAYLOADS=1] [REDACTION=MODE]
	@test -n "$(TRACE_ID)" || { echo "give the trace: make export-trace TRACE_ID=..." >&2; exit 2; }
	@$(BIN)/tracefoundry export "$(TRACE_ID)" -o "$(or $(OUT),trace-$(TRACE_ID).zip)" \
	  $(if $(PAYLOADS),--payloads) $(if $(REDACTION),--redaction "$(REDACTION)")

test: setup-dev  ## run the whole test suite (ARGS are passed to pytest)
	@echo "==> The S3 server of the tests (built once with Go, in about 2 minutes, then cached)"
	@$(BIN)/python services/tests/payloads/s3_server.py
	$(BIN)/pytest -n auto --dist loadfile -m "not cluster_programs and not faults" $(ARGS)

test-interop: setup-dev  ## agents of other libraries, each in its own environment, against the platform
	$(BIN)/pytest -c interop/pytest.ini --rootdir interop interop $(ARGS)

record-interop: setup-dev  ## record what these agents send, for make test (ARGS=library ...)
	PYTHONPATH=services/tests:sdk/python/tests:examples:interop $(BIN)/python interop/record.py $(ARGS)

faults: setup-dev  ## kill -9 of everything under load, object stores that hang, crashes of retention
	@$(BIN)/python services/tests/payloads/s3_server.py
	$(BIN)/pytest -m faults services/tests $(ARGS)

test-operator: setup-dev  ## tests of the operator on a real API server, of helm charts and collector
	@echo "==> Programs of the cluster (built once, in about 15 minutes, then cached)"
	PYTHONPATH=e2e $(BIN)/python -m cluster prepare
	$(BIN)/pytest -m cluster_programs operator/tests $(ARGS)

# All run even if one fails, so that one call shows all errors.
lint: setup-dev  ## ruff, mypy --strict, the import contracts; tsc, ESLint and Prettier
	@status=0; check() { echo "$$*"; "$$@" || status=1; }; \
	check $(BIN)/ruff check; \
	check $(BIN)/ruff format --check; \
	check $(BIN)/mypy --strict $(PACKAGES); \
	check $(BIN)/lint-imports --no-cache --no-logo; \
	check env PYTHONPATH=services/tests $(BIN)/python sdk/typescript/lint.py; \
	exit $$status

format: setup-dev  ## sort imports, mend what ruff can mend, format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

recall: setup-dev  ## how many kinds of provider values redaction finds
	PYTHONPATH=services/tests $(BIN)/python bench/recall.py

bench: setup-dev  ## measure, and write build/bench.json
	@mkdir -p build
	PYTHONPATH=services/tests $(BIN)/python bench/run.py --out build/bench.json

images: setup-dev  ## build the three images with Docker or buildah, and print their sizes (BASE=, GO_BASE=)
	PYTHONPATH=e2e BASE=$(BASE) GO_BASE=$(GO_BASE) $(BIN)/python -m cluster.images

e2e: setup-dev  ## end-to-end tests on the cluster of KUBECONFIG, else on kind, else on a local one
	@echo "==> Programs and images of the cluster (built once, in about 15 minutes, then cached)"
	PYTHONPATH=e2e $(BIN)/python -m cluster prepare
	cd e2e && ../$(BIN)/pytest -c pytest.ini $(ARGS)

e2e-up: setup-dev  ## bring the local cluster up and leave it (Linux, root)
	PYTHONPATH=e2e $(BIN)/python -m cluster up

e2e-down: setup-dev  ## take the local cluster down
	PYTHONPATH=e2e $(BIN)/python -m cluster down

COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-package tracefoundry-sdk --no-header $(UPGRADE)
requirements:  ## pin again what the members ask for (UPGRADE=--upgrade for the newest; needs uv)
	@command -v $(UV) >/dev/null || { echo "make requirements needs uv: install it, or name it with UV=/path/to/uv" >&2; exit 1; }
	$(COMPILE) $(MEMBERS) -o requirements/runtime.txt
	$(COMPILE) requirements/build.in -c requirements/runtime.txt -o requirements/build.txt
	$(COMPILE) services/pyproject.toml -c requirements/runtime.txt -o requirements/services.txt
	$(COMPILE) operator/pyproject.toml -c requirements/runtime.txt -o requirements/operator.txt
	$(COMPILE) $(MEMBERS) requirements/build.in requirements/dev.in \
		-c requirements/runtime.txt -c requirements/build.txt -o requirements/dev.txt

# Pre-releases are allowed: most instrumentations have no other. The files sdk*.in are resolved
# together with the SDK and all its extras.
interop-requirements:  ## pin again what the interop tests install (needs uv)
	@for asked in interop/requirements/*.in; do case $$asked in \
	*/sdk*) chosen="--prerelease=if-necessary-or-explicit --all-extras sdk/python/pyproject.toml";; \
	*) chosen=--prerelease=allow;; esac; \
	$(COMPILE) $$chosen $$asked -o $${asked%.in}.txt || exit 1; done

clean:  ## remove .venv, build output and caches (traces stay)
	rm -rf .venv build .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . \( -name __pycache__ -o -name .pytest_cache \) -type d -prune -exec rm -rf {} +

clean-data:  ## remove the demo's traces
	rm -rf .data
