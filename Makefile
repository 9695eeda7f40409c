# Every target makes its own environment in .venv from PyPI; nothing else is needed but Python 3.11 to 3.13.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test test-thorough test-slow lint format docs examples site benchmark benchmark-data benchmark-peers clean

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else f"VAE Zoo needs Python 3.11 to 3.13, this is {sys.version.split()[0]}: give another one, as in `make PYTHON=python3.12 demo`.")'
	$(PYTHON) -m venv $(VENV)

# One stamp for each set of packages, so that an edited pyproject.toml installs again; each installs
# the project once, with its own packages.
$(VENV)/base.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/%.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@

demo: $(VENV)/base.stamp
	$(BIN)/python -m training demo

# Two processes: most of the time goes into building graphs, which a process does on one core.
# Files in their order: by number of tests, those of few and long tests would come last, and one
# process would wait for the other.
PYTEST = $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# Of many tests that are alike those that cover what they see; see tests/tiers.py.
test: $(VENV)/test.stamp
	$(PYTEST) -m "not slow and not thorough"

test-thorough: $(VENV)/test.stamp
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/test.stamp
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/lint.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/lint.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# PyTorch comes from its own requirements file: only the side-by-side benchmark needs it.
benchmark: $(VENV)/base.stamp
	$(BIN)/python -m pip install --quiet --requirement benchmarks/requirements.txt
	$(BIN)/python benchmarks/train_step.py

# In an environment of its own: pythae asks for packages that are not ours.
benchmark-peers: $(VENV)/base.stamp
	$(BIN)/python -m venv $(VENV)/torch
	$(VENV)/torch/bin/python -m pip install --quiet --requirement benchmarks/peers/requirements.txt
	$(BIN)/python -m benchmarks.peers --torch-python $(VENV)/torch/bin/python
	$(BIN)/python -m benchmarks.peers.sampling --torch-python $(VENV)/torch/bin/python

benchmark-data: $(VENV)/base.stamp
	$(BIN)/python benchmarks/data_pipelines.py

# Tables and pictures of README.md and docs/, from the JSON that is committed.
docs: $(VENV)/base.stamp
	$(BIN)/python -m training.documents

# The documentation as a web site, build/site/index.html, with a reference from the docstrings.
site: $(VENV)/site.stamp
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m training.documents.site

# The notebooks, stored with what they print and draw. Sets of TFDS_DATA_DIR are read from there.
examples: $(VENV)/examples.stamp
	$(BIN)/python -m training.documents.notebooks

clean:
	rm -rf $(VENV) build *.egg-info
