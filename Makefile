# Everything a person or the CI does with this repository. Works with GNU make 3.81 and any POSIX sh.
#
# A stamp inside .venv says what was installed last, so that a second run starts at once and a changed
# lock file or pyproject.toml is installed before anything uses it.

.DEFAULT_GOAL := help
.PHONY: help setup serve test check conformance model crash fuzz bench docs lock clean

VENV := .venv
BIN := $(VENV)/bin
RUNTIME_READY := $(VENV)/.runtime-ready
DEV_READY := $(VENV)/.dev-ready
LOCK_VENV := .cache/lock
UV_VERSION := 0.13.9

# Arguments for the command behind a target, such as `make serve ARGS="--port 9000"`.
ARGS ?=
# One kind of destination or journal, such as `make conformance KIND=duckdb`.
KIND ?=
# How many examples, such as `make model EXAMPLES=5000`.
EXAMPLES ?= 500

PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
PYTEST := $(BIN)/python -m pytest
# Tests that must not run beside each other share a mark: @pytest.mark.xdist_group("name").
PARALLEL := -n 3 --dist loadgroup

# Published clients that tests drive, each pinned and installed by itself.
CLIENTS := stitchclient target-stitch
# The lock files must not name anybody's package index, so uv reads no configuration file.
LOCK := $(LOCK_VENV)/bin/uv pip compile --quiet --no-config --universal --generate-hashes --no-annotate \
	--custom-compile-command "make lock" --python-version 3.11

help:  ## Show these lines
	@echo "Tidegate. Usage: make TARGET [ARGS=\"...\"]"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(RUNTIME_READY)  ## Make .venv with the pinned packages and the product
	@echo "setup: ready"

serve: $(RUNTIME_READY)  ## Run Tidegate here; ARGS go to `tidegate serve`
	@exec $(BIN)/tidegate serve $(ARGS)

test: $(DEV_READY)  ## Run all tests; with CI set, all checks before them
	@exec $(BIN)/python -m tools.run_tests $(PARALLEL) $(ARGS)

check: $(DEV_READY)  ## Format, lint, types, layers, house rules, generated pages
	@exec $(BIN)/python -m tools.check

conformance: $(DEV_READY)  ## Run each contract over every implementation, or one KIND
	@exec $(PYTEST) tests/conformance $(if $(KIND),-k $(KIND)) $(ARGS)

model: $(DEV_READY)  ## Loading against the slow reference; EXAMPLES=5000 KIND=duckdb
	@TIDEGATE_MODEL_EXAMPLES=$(EXAMPLES) exec $(PYTEST) tests/conformance/test_loading_reference.py \
		--timeout=0 $(if $(KIND),-k $(KIND)) $(ARGS)

crash: $(DEV_READY)  ## Kill the real processes, tear files, fill disks, and count
	@exec $(PYTEST) tests/crash $(ARGS)

fuzz: $(RUNTIME_READY)  ## Mutated requests at the pure readers; ARGS="--seconds 300"
	@exec $(BIN)/python -m tools.fuzz $(ARGS)

bench: $(DEV_READY)  ## Measure the budgets as ratios, into bench/results
	@exec $(BIN)/python -m bench $(ARGS)

docs: $(DEV_READY)  ## Write the generated pages of docs/reference
	@$(BIN)/python -m tools.reference

lock: $(LOCK_VENV)/.uv-$(UV_VERSION)  ## Pin all packages again; ARGS=--upgrade takes newer ones
	$(LOCK) $(ARGS) pyproject.toml requirements/build.in -o requirements/runtime.txt
	$(LOCK) $(ARGS) pyproject.toml requirements/build.in requirements/dev.in -o requirements/dev.txt
	for name in $(CLIENTS); do $(LOCK) $(ARGS) requirements/clients/$$name.in -o requirements/clients/$$name.txt || exit 1; done

clean:  ## Remove what these targets made, except the data folder
	rm -rf $(VENV) .cache .hypothesis .mypy_cache .ruff_cache .pytest_cache build dist bench/results

$(VENV)/.made:
	@sh tools/make_venv.sh $(VENV)
	@touch $@

$(RUNTIME_READY): $(VENV)/.made requirements/runtime.txt pyproject.toml
	@echo "setup: installing $$(grep -c '==' requirements/runtime.txt) pinned packages (about a minute the first time)"
	@$(PIP) install --quiet --require-hashes -r requirements/runtime.txt
	@echo "setup: installing tidegate itself"
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_READY): $(RUNTIME_READY) requirements/dev.txt
	@echo "setup: installing what tests and checks need (about a minute the first time)"
	@$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

$(LOCK_VENV)/.uv-$(UV_VERSION):
	@rm -rf $(LOCK_VENV)
	@sh tools/make_venv.sh $(LOCK_VENV)
	@$(LOCK_VENV)/bin/python -m pip --disable-pip-version-check --no-input install --quiet uv==$(UV_VERSION)
	@touch $@
