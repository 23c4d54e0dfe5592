# make demo       installs into .venv and runs the main job
# make test       installs and runs the tests in two processes;
#                 ARGS="-k config" passes on
# make test-slow  the longer tests
# make bench      installs PyTorch and gensim too, and measures the same work;
#                 ARGS="--rows mlp --processor=default,avx2" passes on
# make docs       builds the documentation in build/docs; warnings are errors
# make lint       checks rules, form and types
# make lock       adds to requirements.lock what pyproject.toml asks for
# make clean      removes .venv and caches; runs and exports stay
#
# PYTHON=python3.12 chooses the interpreter.

PYTHON ?= python3
ARGS ?=

# each process would compile the program again, and each worker all tests
export PYTHONDONTWRITEBYTECODE :=

# the folder and interpreter of a finished .venv: neither may change under it
MARK = "$$(pwd -P) $$('$(1)' -V)"
GIVEN := $(if $(filter file,$(origin PYTHON)),.venv/bin/python,$(PYTHON))
STALE := $(shell { [ "$$(cat .venv/.locked)" = $(call MARK,$(GIVEN)) ]; } \
	2>/dev/null || echo again)

PIP := .venv/bin/python -m pip install -qq --disable-pip-version-check \
	--no-input
LOCKED := $(PIP) --require-hashes --no-deps --no-build-isolation
TORCH := torch==2.13.0
GENSIM := gensim==4.4.0
# in the order of folders, of which the last are short: both workers end at
# once, which files with few but long tests would not let them
PYTEST := .venv/bin/python -m pytest -n 2 --dist loadfile \
	--no-loadscope-reorder
RECIPES := flags/pretrain_cnn_digits.flags flags/finetune_cnn_digits.flags

# $(call need,CODE,REMEDY) stops with one line unless Python runs CODE
need = $(if $(shell '$(PYTHON)' -c '$(1)' >/dev/null 2>&1 || echo failed), \
	$(error keras_ptft needs $(2)))
VERSION = $(or $(shell '$(PYTHON)' -c 'import platform; \
	print(platform.python_version())' 2>/dev/null),missing)
RIGHT_VERSION := import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))
OTHER_VERSION = Python 3.10 to 3.13, and $(PYTHON) is $(VERSION): \
	choose another, as in make PYTHON=python3.12
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

.PHONY: demo test test-slow bench docs lint lock clean check-python again

demo: .venv/.installed
	@.venv/bin/keras-ptft run $(RECIPES)

test: .venv/.installed
	@$(PYTEST) $(ARGS)

test-slow: .venv/.installed
	@$(PYTEST) -m slow $(ARGS)

# The CPU build is asked for by name: the plain one may bring gigabytes of
# CUDA. Once it is there, the extra adds only the rest of what it needs.
bench: .venv/.installed
	@.venv/bin/python -c "import torch" 2>/dev/null \
	|| $(PIP) --no-deps "$(TORCH)+cpu" 2>/dev/null || true
	@$(PIP) $(TORCH) $(GENSIM)
	@.venv/bin/python -m benchmarks $(ARGS)

docs: .venv/.installed
	@.venv/bin/python -m sphinx -W --keep-going -q -E -d build/doctrees \
	docs build/docs

lint: .venv/.installed
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy keras_ptft docs/_ext/keras_ptft_docs

check-python:
	$(CHECK)

# Last comes the mark, so an interrupted install is done again from nothing.
# What builds the rest comes first, since nothing may come from elsewhere.
.venv/.locked: requirements.lock $(STALE)
	$(CHECK)
	@rm -rf .venv
	@echo "Installing TensorFlow and the rest into .venv: 1 to 5 minutes, 3 GB"
	@said=$$('$(PYTHON)' -m venv .venv 2>&1) || { echo "No .venv could be \
	made with $(PYTHON): $$(echo "$$said" | tail -n 1)" >&2; exit 1; }
	@awk '/^[^ ]/ {keep = /^(setuptools|wheel)==/} keep' requirements.lock \
	> .venv/build.lock
	@$(LOCKED) -r .venv/build.lock
	@$(LOCKED) -r requirements.lock
	@echo $(call MARK,.venv/bin/python) > $@

.venv/.installed: pyproject.toml .venv/.locked
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

lock: check-python
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir" .lock-partial' EXIT; \
	cp requirements.lock .lock-partial; \
	'$(PYTHON)' -m venv "$$dir/venv"; \
	"$$dir/venv/bin/python" -m pip install -qq uv; \
	"$$dir/venv/bin/python" -m uv pip compile -q --universal --extra dev \
	--python-version 3.10 --generate-hashes --no-header \
	-o .lock-partial pyproject.toml; \
	mv .lock-partial requirements.lock

clean:
	rm -rf .venv .pytest_cache .ruff_cache build *.egg-info .lock-partial
	find keras_ptft tests -name __pycache__ -type d -prune -exec rm -rf {} +
