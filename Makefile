# checkreader: `make` runs the whole pipeline on the embedded data, `make help` lists the rest.
DATA ?= digits
PRESET ?= quick
NAME ?= $(if $(filter folder,$(DATA)),$(notdir $(patsubst %/,%,$(DATA_DIR))))
RUN ?= $(or $(NAME),$(DATA))
SEED ?= 0
PORT ?= 8000
SECONDS ?= 60

VENV := .venv
BIN := $(VENV)/bin
CHECKREADER := $(BIN)/checkreader
ARGUMENTS := --run $(RUN) $(if $(DATA_DIR),--data-dir $(DATA_DIR))
TRAIN := train $(ARGUMENTS) --data $(DATA) $(if $(NAME),--name $(NAME)) --preset $(PRESET) --seed $(SEED)
# Into the checkout's own models/, and into the documents, only what is meant to go there; git keeps what was before.
RELEASE := $(if $(MODELS),--models $(MODELS)) $(if $(filter models,$(MODELS)),--no-keep)
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
# The first that runs and fits; a name on the path may be a launcher without a Python.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c '$(FITS)' 2>/dev/null && echo $$name && break; done)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PHONY: all help train quantize export verify evaluate benchmark report release serve tour \
	test test-slow lint types format coverage docs fuzz page-picture check-gpu peers edge-tools edge-test edge-arm64 check-deploy lock clean

all: $(VENV)/train.done  ## the whole pipeline: train, quantize, export, verify, evaluate, benchmark
	@$(CHECKREADER) $(TRAIN)
	@for stage in quantize export verify evaluate benchmark; do $(CHECKREADER) $$stage $(ARGUMENTS) || exit 1; done
	@$(BIN)/python -m pipeline.release.documents runs/$(RUN)

help:  ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*  ## /\1\t/p' Makefile | expand -t 12
	@echo "variables: DATA=digits|mnist|folder  DATA_DIR=PATH  NAME=NAME  PRESET=quick|release  SEED=N"
	@echo "           RUN=NAME  MODELS=DIR  PORT=8000  SECONDS=60"

train: $(VENV)/train.done  ## train LeNet-5 in float
	@$(CHECKREADER) $(TRAIN)

quantize: $(VENV)/train.done  ## make its 8-bit version
	@$(CHECKREADER) quantize $(ARGUMENTS)

export: $(VENV)/train.done  ## write every format
	@$(CHECKREADER) export $(ARGUMENTS)

verify: $(VENV)/train.done  ## prove that the formats compute the same
	@$(CHECKREADER) verify $(ARGUMENTS)

evaluate: $(VENV)/train.done  ## measure accuracy, calibration and rejection
	@$(CHECKREADER) evaluate $(ARGUMENTS)

benchmark: $(VENV)/train.done  ## measure size, speed and memory
	@$(CHECKREADER) benchmark $(ARGUMENTS)

report: $(VENV)/train.done  ## show a finished run: runs/RUN/report/index.html
	@$(CHECKREADER) report $(ARGUMENTS)

release: $(VENV)/train.done  ## put the verified run into released/, or into MODELS=DIR (models: the checkout's own, and the documents)
	@$(CHECKREADER) release --run $(RUN) $(RELEASE)
	@$(if $(filter models,$(MODELS)),$(BIN)/python -m pipeline.release.documents README.md $(wildcard docs/*.md))

serve: $(VENV)/serve.done  ## read posted pictures on port 8000, without TensorFlow; MODELS=released: by what was released
	@$(CHECKREADER) serve --port $(PORT) $(if $(MODELS),--models $(MODELS))

tour: $(VENV)/train.done  ## from pictures to a reading by the service: DATA_DIR=PATH, else the built-in digits
	@$(BIN)/python -m scripts.tour $(if $(DATA_DIR),--data $(DATA_DIR)) $(if $(NAME),--name $(NAME))

test: lint  ## install what tests need, then lint, types and tests
	@$(BIN)/python -m pytest -n 2

test-slow: $(VENV)/test.done  ## the tests that take minutes: the whole way with own data, Ray, training without a network
	@$(BIN)/python -m pytest -m slow

lint: $(VENV)/test.done  ## ruff, strict types, import contracts, names and tests' structure
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports --no-cache --no-logo
	@$(BIN)/python scripts/check_names.py && $(BIN)/python scripts/check_tests.py

types: $(VENV)/test.done  ## check the types alone
	@$(BIN)/mypy

format: $(VENV)/test.done  ## let ruff mend and format the code
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

coverage: $(VENV)/test.done  ## run the tests and fail below 90 % branch coverage
	@$(BIN)/coverage erase && $(BIN)/coverage run -m pytest && $(BIN)/coverage combine --quiet && \
	$(BIN)/coverage report

docs: $(VENV)/test.done  ## renew the model card and the documents' tables, and draw docs/architecture.svg from the imports
	@$(BIN)/python -m pipeline.release.card models
	@$(BIN)/python -m pipeline.release.documents README.md $(wildcard docs/*.md)
	@$(BIN)/python scripts/draw_architecture.py docs/architecture.svg

page-picture: $(VENV)/test.done  ## photograph the page for the documents (needs Chromium)
	@$(BIN)/python -m tests.support.screenshots docs

fuzz: $(VENV)/test.done  ## throw mutated bytes at the parsers, SECONDS=60 each
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris
	@for target in fuzz_tensors fuzz_pictures; do \
	$(BIN)/python -m tests.hostile.fuzz.$$target -max_total_time=$(SECONDS) || exit 1; done

check-gpu: $(VENV)-gpu/done  ## on a machine with CUDA: agreement and throughput, into benchmarks/results/gpu.json
	@$(VENV)-gpu/bin/python -m benchmarks.gpu

peers: $(VENV)/train.done  ## compare other model servers with this one, into benchmarks/results/peers/
	@$(BIN)/python -m benchmarks.peers

edge-tools: $(VENV)/test.done  ## install what `edge-test` needs (Debian, as root)
	@sh scripts/install_edge_tools.sh $(BIN)/python

edge-test: edge-tools  ## C here and on emulated Cortex-M with its instructions counted, TFLM, Ethos-U, WebAssembly, the page in a browser
	@$(BIN)/python -m pytest tests/pipeline/export/test_c_source.py tests/pipeline/export/test_cortex_m.py \
		tests/pipeline/export/test_c_layout.py tests/benchmarks/test_edge.py \
		tests/pipeline/export/test_wasm.py tests/pipeline/export/test_tflm.py tests/pipeline/export/test_vela.py \
		tests/serving/web

edge-arm64: $(VENV)/test.done  ## on an emulated arm64 Debian: both extras installed, run, measured (Debian, as root)
	@sh scripts/edge_arm64.sh $(BIN)/python

check-deploy: $(VENV)/python.done  ## build and run image and unit, validate the rest of deploy/ (Debian, as root)
	@sh scripts/check_deploy.sh $(BIN)/python .deploy

lock:  ## renew requirements/*.txt from pyproject.toml (needs uv)
	@sh requirements/lock.sh

clean:  ## remove the virtual environment, runs and caches
	rm -rf $(VENV) $(VENV)-gpu .deploy runs dist .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# One environment; what is installed so far is marked by a file per requirement set.
$(VENV)/python.done:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 found (python3 is \
	$$(python3 -V 2>&1 | head -n 1)): install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c '$(FITS)' 2>/dev/null || { echo "error: $(PYTHON) is $$("$(PYTHON)" -V 2>&1 | head -n 1): \
	checkreader needs Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || \
	{ echo "error: $(PYTHON) has no venv module: install it (Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "making $(VENV) with $$("$(PYTHON)" -V)" && "$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

# ONNX Runtime for CUDA excludes the one for the CPU, so it gets an environment of its own; CUDA's libraries
# may come with what the machine has installed already, PyTorch for example.
$(VENV)-gpu/done: pyproject.toml
	@"$(PYTHON)" -m venv --clear --system-site-packages $(VENV)-gpu
	@$(VENV)-gpu/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[serve-gpu]'
	@touch $@

$(VENV)/%.done: requirements/%.txt pyproject.toml | $(VENV)/python.done
	@echo "installing requirements/$*.txt (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
