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

# Benchmarks run in the board's environment, plus the packages that draw the plots.
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

# What the measurement of archives wants.
ARCHIVES := $(if $(filter archive all,$(ARGS)),$(VENV)/analyze.stamp $(VENV)/cluster.stamp)

.PHONY: help run analyze demo doctor test test-all test-others check test-edge test-opencv4 test-tflite test-picamera2 test-v4l2 test-arm64 test-home-assistant data train sweep evaluate export debug bench bench-counts baseline boards soak soak-house fuzz pictures lock clean
.DEFAULT_GOAL := help

help: ##develop list the targets
	@for group in use train develop; do echo "$$group:"; \
	  awk -F ":.*##$$group " '/^[a-z0-9-]+:/ && NF > 1 {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST); done
	@echo "ARGS='…' passes options on to the program: see its --help"

# ---- the board ----

run: $(VENV)/$(EDGE).stamp $(OUTPUTS) ##use recognize faces live: SOURCE=<camera, address, video, image or folder>
	@$(BIN)/emotion-edge run "$(SOURCE)" --model "$(MODEL)" $(ARGS)

analyze: $(VENV)/$(EDGE).stamp $(VENV)/analyze.stamp $(if $(filter --cluster%,$(ARGS)),$(VENV)/cluster.stamp) ##use report on videos, with tables and plots: VIDEO=<video or folder>
	@test -n "$(VIDEO)" || { echo "emotion-edge: no video named: make analyze VIDEO=<video or folder>" >&2; exit 2; }
	@$(BIN)/emotion-edge analyze "$(VIDEO)" --output "$(REPORTS)" --model "$(MODEL)" $(ARGS)

demo: $(VENV)/$(EDGE).stamp $(OUTPUTS) ##use see it work without a camera; writes to demo/ (ARGS=--web: in your browser)
	@$(BIN)/emotion-edge demo --model "$(MODEL)" $(ARGS)

doctor: $(VENV)/$(EDGE).stamp ##use check this machine, and say what to install
	@$(BIN)/emotion-edge doctor --model "$(MODEL)"

# Each core runs tests, and a core that is through takes some of another's. With TensorFlow, each wants a gigabyte.
JOBS ?= auto
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --maxprocesses 8 --dist worksteal

EDGE_TESTS := tests/edge tests/emotion_edge

test-edge: $(VENV)/$(if $(BOOKWORM),opencv4,test).stamp ##develop run the board's tests, without TensorFlow
	@$(PYTEST) $(EDGE_TESTS) $(ARGS)

# Tests of what OpenCV and numpy do: pictures and videos, faces, drawing, models, and all of it together in the demo.
OPENCV_TESTS := $(filter-out %_network.py %_mqtt.py %_home_assistant.py %_prometheus.py, \
  $(wildcard $(addsuffix /test_*.py,$(addprefix tests/edge/,model faces sources outputs)))) \
  $(addprefix tests/edge/,base/test_machine.py report/test_digest.py report/test_table.py web/test_decoding.py app/test_demo.py)

test-opencv4: $(VENV)/opencv4.stamp $(VENV)/tflite.stamp ##develop run its picture, face and model tests with OpenCV 4; set VENV=.venv-opencv4
	@$(PYTEST) $(OPENCV_TESTS) $(ARGS)

MODEL_TESTS := $(addprefix model/test_,interpreter bundle classifier) $(addprefix faces/test_,recognizer yunet detector)

test-tflite: $(VENV)/opencv4.stamp $(VENV)/tflite.stamp ##develop run the models' tests with tflite-runtime; set VENV=.venv-opencv4
	@$(PYTEST) $(addprefix tests/edge/,$(addsuffix .py,$(MODEL_TESTS))) --runtime tflite_runtime $(ARGS)

test-picamera2: ##develop run the edge on Picamera2 in a Debian root built here (root, 900 MB)
	@tests/boards/picamera2.sh $(ARGS)

test-v4l2: $(VENV)/test.stamp ##develop run the edge on an emulated USB camera: unplugged, taken, back (root, 1 GB)
	@PYTHON="$(abspath $(BIN))/python" tests/boards/v4l2.sh $(ARGS)

test-home-assistant: $(VENV)/test.stamp ##develop run beside Home Assistant in a Debian root (root, 1.2 GB)
	@PYTHON="$(abspath $(BIN))/python" tests/boards/home_assistant.sh $(ARGS)

test-arm64: COUNTED = emulated
test-arm64: $(VENV)/test.stamp ##develop run the edge on an emulated arm64 board, compare outputs and counts (root)
	@PYTHON="$(abspath $(BIN))/python" tests/boards/arm64.sh $(ARGS)
	@$(COUNT) && $(BIN)/python -m benchmarks compare benchmarks/baseline.json $(VENV)/counts/*.json

# ---- the workstation ----

# malloc returns large blocks to the kernel after each operation and gets them back zeroed, which takes a third to half
# of the training time on CPUs. TensorFlow's own pool keeps them.
KEEP_MEMORY := TF_CPU_ALLOCATOR_USE_BFC=1

# The default of SOURCE is a camera's.
data: $(VENV)/workstation.stamp ##train import a data set: SOURCE=<folder, zip or csv> [FERPLUS=<csv>] [CLASSES=…]
	@test "$(origin SOURCE)" != file || { echo "emotion-edge: no source named: make data SOURCE=<folder, zip or csv>" >&2; exit 2; }
	@$(BIN)/python -m train.importer "$(SOURCE)" $(if $(FERPLUS),--votes "$(FERPLUS)") $(if $(CLASSES),--classes "$(CLASSES)") --output "$(DATA)" $(ARGS)

train: $(VENV)/workstation.stamp ##train fine-tune, or resume a run: [CONFIG=edge] [RUN=runs/edge] [WEIGHTS=imagenet]
	@$(KEEP_MEMORY) $(BIN)/python -m train.fit --config "$(CONFIG)" --data "$(DATA)" --run "$(RUN)" --weights "$(WEIGHTS)" $(ARGS)

sweep: $(VENV)/workstation.stamp ##train train presets with several seeds: [ARGS='--configs edge --seeds 1 2']
	@$(KEEP_MEMORY) $(BIN)/python -m train.sweep --data "$(DATA)" --weights "$(WEIGHTS)" $(ARGS)

evaluate: $(VENV)/workstation.stamp ##train evaluate on a split or on portraits: [RUN=…] [SPLIT=test] [PORTRAITS=DIR]
	@$(BIN)/python -m train.evaluation --model "$(RUN)" $(if $(PORTRAITS),--portraits "$(PORTRAITS)",--data "$(DATA)" --split "$(SPLIT)") $(ARGS)

# Only where it is asked for by name does a bundle take the place of the one that ships.
export: $(VENV)/workstation.stamp $(if $(filter --onnx,$(ARGS)),$(VENV)/onnx.stamp) ##train convert, quantize, check, write a bundle: [RUN=runs/edge] [MODEL=models/edge]
	@$(BIN)/python -m export --run "$(RUN)" --data "$(DATA)" $(if $(filter-out file,$(origin MODEL)),--output "$(MODEL)") $(ARGS)

debug: $(VENV)/workstation.stamp ##train compare int8 with float32 layer by layer: [RUN=runs/edge]
	@$(BIN)/python -m export debug --run "$(RUN)" --data "$(DATA)" $(ARGS)

bench: $(BENCH) $(OUTPUTS) $(ARCHIVES) ##train measure latency, accuracy, size and memory: [MODEL=…] [ARGS='all --clip …']
	@$(BIN)/python -m benchmarks --model "$(MODEL)" $(if $(or $(filter command environment,$(firstword $(origin DATA))),$(wildcard $(DATA))),--data "$(DATA)") $(ARGS)

# In a folder of their own, so that there is one record in it.
COUNTED = counts
COUNT = rm -rf $(VENV)/counts && PYTHON="$(abspath $(BIN))/python" $(BIN)/python -m benchmarks $(COUNTED) --model "$(MODEL)" --output $(VENV)/counts

bench-counts: $(BENCH) ##develop compare machine-independent counts with benchmarks/baseline.json
	@$(COUNT)
	@$(BIN)/python -m benchmarks compare benchmarks/baseline.json $(VENV)/counts/*.json

baseline: COUNTED = counts emulated
baseline: $(BENCH) ##develop write those of both anew, after a change on purpose (valgrind, root)
	@command -v valgrind >/dev/null || { echo "emotion-edge: valgrind is not installed: run 'sudo apt install valgrind'" >&2; exit 2; }
	@test "$$(id -u)" = 0 || { echo "emotion-edge: only root can count on emulated boards: run it as root, or in a container" >&2; exit 2; }
	@$(COUNT)
	@$(BIN)/python -m benchmarks compare $(VENV)/counts/*.json $(VENV)/counts/*.json >/dev/null # refuses a record without counts
	@cp $(VENV)/counts/*.json benchmarks/baseline.json

boards: $(BENCH) ##develop write the table of boards into docs/boards.md
	@$(BIN)/python -m benchmarks boards --model "$(MODEL)" --page docs/boards.md >/dev/null

soak: $(VENV)/$(EDGE).stamp ##develop run for long on a failing camera: memory, threads and files must not grow
	@$(BIN)/python -m tests.soak.soak --model "$(MODEL)" $(ARGS)

soak-house: $(VENV)/test.stamp ##develop run four cameras for an hour with all outputs, killed at half time (Debian)
	@$(BIN)/python -m tests.soak.house --model "$(MODEL)" $(ARGS)

fuzz: $(VENV)/test.stamp ##develop feed damaged requests, pictures, manifests and models for a minute
	@$(BIN)/python -m tests.fuzz $(ARGS)

pictures: $(VENV)/workstation.stamp ##develop make the pictures of docs/ anew (needs Chromium, mosquitto)
	@$(BIN)/python docs/pictures.py

test: check ##develop check style, types and imports, and run all tests but the slow ones
	@$(PYTEST) -m "not slow" $(ARGS)

test-all: check ##develop do the same with the slow tests
	@$(PYTEST) $(ARGS)

# Browsers are driven by a package of the workstation's, and some examples want others.
OTHER_TESTS := $(filter-out tests/edge tests/__pycache__,$(patsubst %/,%,$(wildcard tests/*/))) \
  $(wildcard tests/test_*.py) tests/edge/web/test_web_page.py tests/edge/outputs/test_video_in_browser.py

test-others: check ##develop do the same without the tests of test-edge
	@$(PYTEST) $(OTHER_TESTS) $(ARGS)

check: $(VENV)/workstation.stamp ##develop check style, types and imports
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports >/dev/null || $(BIN)/lint-imports

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
SIZE_workstation := 3700

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

# Options for a lock on top of another one: the latter's packages are left out.
on_top = --constraint requirements/$(1).txt \
  $(addprefix --no-emit-package ,$(sort $(shell sed -n 's/==.*//p' requirements/$(1).txt)))
ON_TOP = $(call on_top,edge)

lock: $(BIN)/python ##develop update the locked versions and their hashes; test before committing
	@$(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/pip install --quiet $(LOCKED) -r requirements/lock.txt
	@sed -i '/--hash=/d; s/ \\$$//' requirements/*.txt # or those of files and versions that are gone would stay
	@echo uv | $(COMPILE) - $(UPGRADE) -o requirements/lock.txt
	@sed -n '/^requires = /s/.*"\(.*\)".*/\1/p' pyproject.toml | $(COMPILE) - $(UPGRADE) -o requirements/build.txt
	@$(LOCK) -o requirements/edge.txt
	@$(LOCK) --extra test --constraint requirements/edge.txt -o requirements/test.txt
	@$(LOCK) --extra test --constraint requirements/opencv4-constraints.txt -o requirements/opencv4.txt
	@$(LOCK) --constraint requirements/opencv4.txt -o requirements/bookworm.txt
	@$(LOCK) --extra analyze $(ON_TOP) -o requirements/analyze.txt
	@$(LOCK) --extra cluster $(ON_TOP) --constraint requirements/test.txt -o requirements/cluster.txt
	@$(LOCK) --extra mqtt --extra web $(ON_TOP) -o requirements/outputs.txt
	@$(LOCK) --extra publish $(ON_TOP) -o requirements/fleet.txt
	@$(LOCK) --extra bench $(ON_TOP) -o requirements/bench.txt
	@$(LOCK) --extra dev --constraint requirements/edge.txt -o requirements/workstation.txt
	@$(LOCK) --extra onnx $(call on_top,workstation) -o requirements/onnx.txt
	@$(foreach pinned,$(PINNED),$(COMPILE) $(pinned) --no-deps -o $(pinned) &&) true
	@$(foreach lock,$(WITH_OPENCV),$(HEADLESS_TOO) &&) true
	@$(foreach platform,$(PLATFORMS),$(foreach lock,edge outputs analyze cluster fleet,$(HAS_WHEELS) &&)) true

# A lock without wheels for one of these is refused. PyAV's wheels for macOS are for 14 and later.
PLATFORMS = aarch64-unknown-linux-gnu aarch64-apple-darwin x86_64-pc-windows-msvc
HAS_WHEELS = MACOSX_DEPLOYMENT_TARGET=14.0 $(VENV)/lock/bin/uv pip compile --quiet --no-deps --only-binary :all: \
  --python-platform $(platform) --python-version 3.11 requirements/$(lock).txt >/dev/null

# Pinned by hand.
PINNED := $(wildcard requirements/tflite.txt requirements/peer-*.txt)

# The set-up writes opencv-python-headless in the place of opencv-python: below the name are the hashes of both.
WITH_OPENCV = $(shell grep -l '^opencv-python==' requirements/*.txt)
HEADLESS_TOO = sed -n 's/^opencv-python==\([^ ]*\).*/opencv-python-headless==\1/p' $(lock) | $(COMPILE) - --no-deps \
  | sed -n 's/.*\(--hash=[^ ]*\).*/    \1 \\/p' > $(VENV)/lock/headless.txt \
  && sed -i '/^opencv-python==/r $(VENV)/lock/headless.txt' $(lock)

clean: ##develop remove the environments and what tests left behind
	@rm -rf .venv* build .pytest_cache .mypy_cache .ruff_cache *.egg-info
