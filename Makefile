# make demo       installs into .venv and runs the main job
# make test       installs and runs the tests in two processes;
#                 ARGS="-k config" passes on
# make test-slow  the longer tests
# make test-oldest
#                 the tests with the oldest versions that are supported, on
#                 Python 3.10, in .venv-oldest
# make test-nightly
#                 the tests with the nightly builds of TensorFlow and Keras,
#                 in .venv-nightly
# make bench      installs PyTorch and gensim too, and measures the same work;
#                 ARGS="--rows mlp --processor=default,avx2" passes on
# make docs       builds the documentation in build/docs; warnings are errors
# make lint       checks rules, form and types
# make lock       adds to requirements.lock what pyproject.toml asks for, and
#                 to requirements-oldest.lock its lowest versions, and to
#                 requirements-gpu.lock CUDA for the Dockerfile
# make clean      removes each .venv and caches; runs and exports stay
#
# PYTHON=python3.12 chooses the interpreter.

PYTHON ?= python3
ARGS ?=
VENV := .venv
LOCK := requirements.lock
WARNINGS :=

# each process would compile the program again, and each worker all tests
export PYTHONDONTWRITEBYTECODE :=

# the folder and interpreter of a finished $(VENV): neither may change under it
MARK = "$$(pwd -P) $$('$(1)' -V)"
GIVEN := $(if $(filter file,$(origin PYTHON)),$(VENV)/bin/python,$(PYTHON))
STALE := $(shell { [ "$$(cat $(VENV)/.locked)" = $(call MARK,$(GIVEN)) ]; } \
	2>/dev/null || echo again)

PIP = $(VENV)/bin/python -m pip install -qq --disable-pip-version-check \
	--no-input
LOCKED = $(PIP) --require-hashes --no-deps --no-build-isolation
TORCH := torch==2.13.0
GENSIM := gensim==4.4.0
# in the order of folders, of which the last are short: both workers end at
# once, which files with few but long tests would not let them
PYTEST = $(VENV)/bin/python -m pytest -n 2 --dist loadfile \
	--no-loadscope-reorder $(WARNINGS)
RECIPES := flags/pretrain_cnn_digits.flags flags/finetune_cnn_digits.flags

# $(call need,CODE,REMEDY) stops with one line unless Python runs CODE
need = $(if $(shell '$(PYTHON)' -c '$(1)' >/dev/null 2>&1 || echo failed), \
	$(error keras_ptft needs $(2)))
VERSION = $(or $(shell '$(PYTHON)' -c 'import platform; \
	print(platform.python_version())' 2>/dev/null),missing)
RIGHT_VERSION := import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))
OTHER_VERSION = Python 3.10 to 3.13, and $(PYTHON) is $(VERSION): \
	choose another, as in make PYTHON=python3.12
RIGHT_OLDEST := import sys; sys.exit(sys.version_info[:2] != (3, 10))
OTHER_OLDEST = Python 3.10 for its oldest versions, and $(PYTHON) is \
	$(VERSION): name one, as in make test-oldest PYTHON=path/of/python3.10
RIGHT_MACHINE := import sys, platform; \
	sys.exit((sys.platform, platform.machine()) == ("darwin", "x86_64"))
OTHER_MACHINE = TensorFlow, and there is none for an Intel Python on macOS: \
	use an arm64 Python on Apple silicon, or Linux
VENV_WORKS := import venv, ensurepip; ensurepip.version()
OTHER_VENV = the venv module, and that of $(PYTHON) $(VERSION) is missing or \
	broken: install it (Debian: apt install python3-venv), or choose another \
	Python, as in make PYTHON=python3.12

define CHECK
@$(call need,$(RIGHT_VERSION),$(OTHER_VERSION)):
@$(call need,$(RIGHT_MACHINE),$(OTHER_MACHINE)):
@$(call need,$(VENV_WORKS),$(OTHER_VENV)):
endef

.PHONY: demo test test-slow test-oldest test-nightly bench docs lint lock \
	clean check-python again

demo: $(VENV)/.installed
	@$(VENV)/bin/keras-ptft run $(RECIPES)

test: $(VENV)/.installed
	@$(PYTEST) $(ARGS)

test-slow: $(VENV)/.installed
	@$(PYTEST) -m slow $(ARGS)

# The lock is for the oldest Python. Old packages use what newer ones below
# them call deprecated, which is not ours to mend.
ifeq ($(origin PYTHON),file)
test-oldest: PYTHON := python3.10
endif
test-oldest:
	@$(call need,$(RIGHT_OLDEST),$(OTHER_OLDEST)):
	@$(MAKE) --no-print-directory VENV=.venv-oldest \
	LOCK=requirements-oldest.lock PYTHON='$(PYTHON)' \
	WARNINGS="-W ignore::DeprecationWarning" test

# Nightly builds are distributions of their own, which take the place of the
# releases, and say themselves what they need.
test-nightly: VENV := .venv-nightly
test-nightly:
	@$(MAKE) --no-print-directory VENV=$(VENV) $(VENV)/.installed
	@$(VENV)/bin/python -m pip uninstall -qqy tensorflow keras tensorboard
	@$(PIP) --upgrade tf-nightly keras-nightly
	@$(PYTEST) $(ARGS)

# The CPU build is asked for by name: the plain one may bring gigabytes of
# CUDA. Once it is there, the extra adds only the rest of what it needs.
bench: $(VENV)/.installed
	@$(VENV)/bin/python -c "import torch" 2>/dev/null \
	|| $(PIP) --no-deps "$(TORCH)+cpu" 2>/dev/null || true
	@$(PIP) $(TORCH) $(GENSIM)
	@$(VENV)/bin/python -m benchmarks $(ARGS)

docs: $(VENV)/.installed
	@$(VENV)/bin/python -m sphinx -W --keep-going -q -E -d build/doctrees \
	docs build/docs

lint: $(VENV)/.installed
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy keras_ptft docs/_ext/keras_ptft_docs

check-python:
	$(CHECK)

# Last comes the mark, so an interrupted install is done again from nothing.
# What builds the rest comes first, since nothing may come from elsewhere.
$(VENV)/.locked: $(LOCK) $(STALE)
	$(CHECK)
	@rm -rf $(VENV)
	@echo "Installing TensorFlow and the rest into $(VENV): 1 to 5 minutes, 3 GB"
	@said=$$('$(PYTHON)' -m venv $(VENV) 2>&1) || { echo "No $(VENV) could be \
	made with $(PYTHON): $$(echo "$$said" | tail -n 1)" >&2; exit 1; }
	@awk '/^[^ ]/ {keep = /^(setuptools|wheel)==/} keep' $(LOCK) \
	> $(VENV)/build.lock
	@$(LOCKED) -r $(VENV)/build.lock
	@$(LOCKED) -r $(LOCK)
	@echo $(call MARK,$(VENV)/bin/python) > $@

$(VENV)/.installed: pyproject.toml $(VENV)/.locked
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

lock: check-python
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir" .lock-partial' EXIT; \
	'$(PYTHON)' -m venv "$$dir/venv"; \
	"$$dir/venv/bin/python" -m pip install -qq uv; \
	lock() { file=$$1; shift; cp "$$file" .lock-partial; \
	"$$dir/venv/bin/python" -m uv pip compile -q --extra dev \
	--python-version 3.10 --generate-hashes --no-header "$$@" \
	-o .lock-partial pyproject.toml; mv .lock-partial "$$file"; }; \
	lock requirements.lock --universal; \
	lock requirements-oldest.lock --upgrade --resolution lowest-direct \
	--python-platform linux; \
	cp requirements-gpu.lock .lock-partial; \
	echo "tensorflow[and-cuda]" | "$$dir/venv/bin/python" -m uv pip compile -q \
	--universal --python-version 3.10 --generate-hashes --no-header \
	--no-annotate -c requirements.lock -o .lock-partial - >/dev/null; \
	awk "/^[^ ]/ {keep = /^nvidia-/} keep" .lock-partial \
	> requirements-gpu.lock

clean:
	rm -rf .venv .venv-oldest .venv-nightly .pytest_cache .ruff_cache
	rm -rf build dist *.egg-info .lock-partial
	find keras_ptft tests -name __pycache__ -type d -prune -exec rm -rf {} +
