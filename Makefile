# emotion-edge: each target sets up what it needs, then does its job. `make help` lists them.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export TF_CPP_MIN_LOG_LEVEL ?= 3

# Without the X libraries of a desktop, opencv-python cannot be imported; the headless build has all but windows.
OPENCV := $(if $(shell PATH="$$PATH:/usr/sbin:/sbin" ldconfig -p 2>/dev/null | grep -m1 libGL.so.1),opencv-python,opencv-python-headless)

# Picamera2 and libcamera are the system's packages and nobody else's. Where they are, the environment shows them and
# takes a numpy that they can live with: what was built for numpy 1, as all of bookworm was, breaks with numpy 2.
SYSTEM_NUMPY := $(shell $(PYTHON) -c 'from importlib import metadata, util; util.find_spec("picamera2") and print(metadata.version("numpy"))' 2>/dev/null)
BOOKWORM := $(filter 1.%,$(SYSTEM_NUMPY))
EDGE := $(if $(BOOKWORM),bookworm,edge)

# What is measured is what runs on the board, in the same environment: only what draws the plots comes on top.
BENCH := $(VENV)/$(EDGE).stamp $(VENV)/bench.stamp

SOURCE ?= auto
MODEL ?= models/default
REPORTS ?= reports
ARGS ?=
CONFIG ?= edge
DATA ?= data/fer2013
RUN ?= runs/$(basename $(notdir "$(CONFIG)"))
WEIGHTS ?= imagenet
SPLIT ?= test

# Outputs that want packages of their own, where they are asked for.
OUTPUTS := $(if $(filter --web% --mqtt% --metrics% all outputs,$(ARGS)),$(VENV)/outputs.stamp)

.PHONY: help run analyze demo doctor test test-edge test-opencv4 test-tflite test-picamera2 test-v4l2 test-arm64 data train evaluate export debug bench bench-counts baseline boards soak fuzz lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- the board ----

run: $(VENV)/$(EDGE).stamp $(OUTPUTS) ## recognize faces live: [SOURCE=auto|camera|address|video|image|folder] [MODEL=models/default] [ARGS='--video out.mp4']
	@$(BIN)/emotion-edge run "$(SOURCE)" --model "$(MODEL)" $(ARGS)

analyze: $(VENV)/$(EDGE).stamp $(VENV)/analyze.stamp ## report on videos, with tables and figures: VIDEO=<video|folder> [REPORTS=reports] [ARGS='--annotate --blur']
	@test -n "$(VIDEO)" || { echo "emotion-edge: no video named: make analyze VIDEO=<video or folder>" >&2; exit 2; }
	@$(BIN)/emotion-edge analyze "$(VIDEO)" --output "$(REPORTS)" --model "$(MODEL)" $(ARGS)

demo: $(VENV)/$(EDGE).stamp $(OUTPUTS) ## see it work without a camera: writes demo/result.mp4, records, events and summary [ARGS=--web]
	@$(BIN)/emotion-edge demo --model "$(MODEL)" $(ARGS)

doctor: $(VENV)/$(EDGE).stamp ## say what of this machine is ready, and what to install for what is not
	@$(BIN)/emotion-edge doctor --model "$(MODEL)"

test-edge: $(VENV)/$(if $(BOOKWORM),opencv4,test).stamp ## pass the board's own tests, without TensorFlow
	@$(BIN)/python -m pytest tests/edge tests/emotion_edge $(ARGS)

test-opencv4: $(VENV)/opencv4.stamp $(VENV)/tflite.stamp ## pass them with OpenCV 4 and numpy 1; wants an environment of its own: VENV=.venv-opencv4
	@$(BIN)/python -m pytest tests/edge tests/emotion_edge $(ARGS)

MODEL_TESTS := $(addprefix model/test_,interpreter bundle classifier) $(addprefix faces/test_,recognizer yunet detector)

test-tflite: $(VENV)/opencv4.stamp $(VENV)/tflite.stamp ## pass those of models with tflite-runtime, which Python 3.11 has: VENV=.venv-opencv4
	@$(BIN)/python -m pytest $(addprefix tests/edge/,$(addsuffix .py,$(MODEL_TESTS))) --runtime tflite_runtime $(ARGS)

test-picamera2: ## run the edge on Picamera2 for real, in a root of Debian trixie that is built here; as root, 900 MB
	@tests/boards/picamera2.sh $(ARGS)

test-v4l2: $(VENV)/test.stamp ## run the edge on a USB camera's driver, in an emulated machine: unplugged, taken, back; as root, 1 GB
	@PYTHON="$(abspath $(BIN))/python" tests/boards/v4l2.sh $(ARGS)

test-arm64: $(VENV)/test.stamp ## run the edge on an emulated arm64 board, and compare its answers with this machine's; as root
	@PYTHON="$(abspath $(BIN))/python" tests/boards/arm64.sh $(ARGS)

# ---- the workstation ----

# malloc returns large blocks to the kernel after each operation and gets them back zeroed, which takes a third to half
# of the training time on CPUs. TensorFlow's own pool keeps them.
KEEP_MEMORY := TF_CPU_ALLOCATOR_USE_BFC=1

data: $(VENV)/workstation.stamp ## import a data set: FER2013=<zip|folder|csv> [FERPLUS=<csv>] [CLASSES='what its numbers stand for'] [DATA=data/fer2013]
	@test -n "$(FER2013)" || { echo "emotion-edge: no source named: make data FER2013=<zip, folder or csv>" >&2; exit 2; }
	@$(BIN)/python -m train.importer "$(FER2013)" $(if $(FERPLUS),--votes "$(FERPLUS)") $(if $(CLASSES),--classes "$(CLASSES)") --output "$(DATA)" $(ARGS)

train: $(VENV)/workstation.stamp ## fine-tune, or resume a run: [CONFIG=edge|edge_distilled|edge_robust|edge_ensemble|nano|nano_robust|seed|seed96|file] [DATA=…] [RUN=runs/edge] [WEIGHTS=imagenet|none|file|run]
	@$(KEEP_MEMORY) $(BIN)/python -m train.fit --config "$(CONFIG)" --data "$(DATA)" --run "$(RUN)" --weights "$(WEIGHTS)" $(ARGS)

evaluate: $(VENV)/workstation.stamp ## evaluate on a split that training never saw: [RUN=runs/edge|bundle|file.tflite] [DATA=…] [SPLIT=test]
	@$(BIN)/python -m train.evaluation --model "$(RUN)" --data "$(DATA)" --split "$(SPLIT)" $(ARGS)

# Only where it is asked for by name does a bundle take the place of the one that ships.
export: $(VENV)/workstation.stamp ## convert, quantize, check parity and write the bundle: [RUN=runs/edge] [MODEL=models/edge] [ARGS='--labels fer2013']
	@$(BIN)/python -m export --run "$(RUN)" --data "$(DATA)" $(if $(filter-out file,$(origin MODEL)),--output "$(MODEL)") $(ARGS)

debug: $(VENV)/workstation.stamp ## diagnose int8 quantization errors layer by layer, and what reduces them: [RUN=runs/edge] [ARGS='--mirror']
	@$(BIN)/python -m export debug --run "$(RUN)" --data "$(DATA)" $(ARGS)

bench: $(BENCH) $(OUTPUTS) ## compare the variants on this machine: [MODEL=…] [DATA=…] [ARGS='all --clip video']
	@$(BIN)/python -m benchmarks --model "$(MODEL)" $(if $(or $(filter command environment,$(firstword $(origin DATA))),$(wildcard $(DATA))),--data "$(DATA)") $(ARGS)

# In a folder of their own, so that there is one record in it.
COUNT = rm -rf $(VENV)/counts && $(BIN)/python -m benchmarks counts --model "$(MODEL)" --output $(VENV)/counts

bench-counts: $(BENCH) ## compare what no machine's speed changes with benchmarks/baseline.json; wants valgrind for all of it
	@$(COUNT)
	@$(BIN)/python -m benchmarks compare benchmarks/baseline.json $(VENV)/counts/*.json

baseline: $(BENCH) ## count anew what bench-counts compares with, after the model or the code was changed on purpose
	@command -v valgrind >/dev/null || { echo "emotion-edge: valgrind is not installed: run 'sudo apt install valgrind'" >&2; exit 2; }
	@$(COUNT)
	@$(BIN)/python -m benchmarks compare $(VENV)/counts/*.json $(VENV)/counts/*.json >/dev/null # refuses a record without counts
	@cp $(VENV)/counts/*.json benchmarks/baseline.json

boards: $(BENCH) ## write the table of boards, from benchmarks/boards/*.json and the model, into docs/boards.md
	@$(BIN)/python -m benchmarks boards --model "$(MODEL)" --page docs/boards.md >/dev/null

soak: $(VENV)/$(EDGE).stamp ## run for long on a camera that keeps failing: memory, threads and files must not grow [ARGS='--frames 200000']
	@$(BIN)/python -m tests.soak.soak --model "$(MODEL)" $(ARGS)

fuzz: $(VENV)/test.stamp ## give damaged requests, pictures, manifests and models to what takes them, for a minute [ARGS='--minutes 10 pictures']
	@$(BIN)/python -m tests.fuzz $(ARGS)

test: $(VENV)/workstation.stamp ## check style and types and pass all tests
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports >/dev/null || $(BIN)/lint-imports
	@$(BIN)/python -m pytest $(ARGS)

# ---- set-up: a stamp for each set of packages, remade when its lock changes ----

# An environment that does not work here is made anew: its Python is gone, has become another version with an upgrade of
# the system, or the checkout was moved.
FITS := import os, sys; folder = sys.argv[1]; pip = folder + "/bin/pip"; \
  versions = [line.partition("=")[2].strip() for line in open(folder + "/pyvenv.cfg") if line.startswith("version")]; \
  program = open(pip).readline()[2:].strip() if os.path.exists(pip) else sys.executable; \
  sys.exit(not (os.path.exists(program) and versions[0].startswith("%d.%d." % sys.version_info[:2])))
STALE := $(shell test ! -e "$(VENV)/pyvenv.cfg" || "$(BIN)/python" -ISc '$(FITS)' "$(VENV)" 2>/dev/null || echo stale)

.PHONY: stale
stale:

$(BIN)/python: $(STALE)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	  || { echo "emotion-edge: $(PYTHON) is not Python 3.11, 3.12 or 3.13: install one, or name it by PYTHON=<program>" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.maxsize < 2**32)' \
	  || { echo "emotion-edge: this system is a 32-bit one, without the packages: write the 64-bit system to the card" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { echo "emotion-edge: Python cannot make environments here: run 'sudo apt install python3-venv'" >&2; exit 2; }
	@$(if $(STALE),echo "$(VENV) does not fit (its Python has changed or is gone, or it was moved): making it anew")
	@$(PYTHON) -m venv$(if $(STALE), --clear)$(if $(SYSTEM_NUMPY), --system-site-packages) $(VENV)

# Megabytes on the disk.
SIZE_edge := 450
SIZE_bookworm := 450
SIZE_workstation := 3200

# At a terminal, pip shows what it downloads and how far it is; a log gets its errors alone.
PIP_INSTALL = $(BIN)/pip install $$(test -t 2 || echo --quiet) --disable-pip-version-check --no-deps

# Wheels with a hash in the lock and nothing else: to build a package is to run what its build fetches, which no lock has.
LOCKED := --require-hashes --only-binary=:all:

$(VENV)/%.stamp: requirements/%.txt requirements/build.txt pyproject.toml $(STALE) | $(BIN)/python
	@echo "setting up $(VENV) for: $*$(if $(SIZE_$*), ($(SIZE_$*) MB, which takes some minutes))"
	@sed 's/^opencv-python==/$(OPENCV)==/' $< > $(VENV)/$*.txt
	@$(PIP_INSTALL) $(LOCKED) -r requirements/build.txt
	@$(PIP_INSTALL) $(LOCKED) -r $(VENV)/$*.txt
	@$(PIP_INSTALL) --no-build-isolation -e .
	@$(BIN)/python -m edge.base.assets
	@touch $@

# `make lock UPGRADE=` keeps the versions, for packages that pyproject.toml adds and for pins that were changed by hand.
UPGRADE ?= --upgrade
COMPILE = $(VENV)/lock/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --quiet --no-header \
  --no-annotate --no-emit-index-url
LOCK = $(COMPILE) pyproject.toml $(UPGRADE) --override requirements/overrides.txt --constraint requirements/build.txt

# What goes on top of either of the board's locks, without what these hold themselves.
ON_TOP = --constraint requirements/edge.txt \
  $(addprefix --no-emit-package ,$(sort $(shell sed -n 's/==.*//p' requirements/edge.txt)))

lock: $(BIN)/python ## move the locked versions to today's, with the hashes of all their files; run the tests before committing them
	@$(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/pip install --quiet $(LOCKED) -r requirements/lock.txt
	@sed -i '/--hash=/d; s/ \\$$//' requirements/*.txt # or those of files and versions that are gone would stay
	@echo uv | $(COMPILE) - $(UPGRADE) -o requirements/lock.txt
	@sed -n '/^requires = /s/.*"\(.*\)".*/\1/p' pyproject.toml | $(COMPILE) - $(UPGRADE) -o requirements/build.txt
	@$(LOCK) -o requirements/edge.txt
	@$(LOCK) --extra test --constraint requirements/edge.txt -o requirements/test.txt
	@$(LOCK) --extra test --constraint requirements/opencv4-constraints.txt -o requirements/opencv4.txt
	@$(LOCK) --constraint requirements/opencv4.txt -o requirements/bookworm.txt
	@$(LOCK) --extra analyze $(ON_TOP) -o requirements/analyze.txt
	@$(LOCK) --extra mqtt --extra web $(ON_TOP) -o requirements/outputs.txt
	@$(LOCK) --extra bench $(ON_TOP) -o requirements/bench.txt
	@$(LOCK) --extra dev --constraint requirements/edge.txt -o requirements/workstation.txt
	@$(foreach pinned,$(PINNED),$(COMPILE) $(pinned) --no-deps -o $(pinned) &&) true
	@$(foreach lock,$(WITH_OPENCV),$(HEADLESS_TOO) &&) true

# Pinned by hand.
PINNED := $(wildcard requirements/tflite.txt requirements/peer-*.txt)

# The set-up writes opencv-python-headless in the place of opencv-python: below the name are the hashes of both.
WITH_OPENCV = $(shell grep -l '^opencv-python==' requirements/*.txt)
HEADLESS_TOO = sed -n 's/^opencv-python==\([^ ]*\).*/opencv-python-headless==\1/p' $(lock) | $(COMPILE) - --no-deps \
  | sed -n 's/.*\(--hash=[^ ]*\).*/    \1 \\/p' > $(VENV)/lock/headless.txt \
  && sed -i '/^opencv-python==/r $(VENV)/lock/headless.txt' $(lock)

clean: ## remove the environment and what tests left behind
	@rm -rf .venv* build .pytest_cache .mypy_cache .ruff_cache *.egg-info
