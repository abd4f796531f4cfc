# `make run` sets up and serves the site; `make test` sets up and runs the tests.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(firstword $(wildcard $(BIN)/python) python3.11)
MANAGE := $(BIN)/python manage.py
SET_UP := $(PYTHON) -m soundscape_site.management.set_up

export SOUNDSCAPE_STARTED_AT := $(shell date +%s)

.DEFAULT_GOAL := help
.PHONY: help python packages models setup run demo test lint bench bench-engine bench-labelling bench-library bench-coverage bench-simulation fuzz contract chaos chaos-quick chaos-long clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed and $(PYTHON) was not found. Install it, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is `$(PYTHON) --version`."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv and ensurepip modules are missing. On Debian and Ubuntu: sudo apt-get install python3.11-venv"; exit 1; }

packages: python
	@$(SET_UP) packages

models: python ## Get the models' weights
	@$(SET_UP) models

setup: python ## Get everything that `manage.py match PHOTO` needs
	@$(SET_UP) library

run: setup ## Set up and serve the site (PORT=8000 HOST=127.0.0.1)
	@exec $(MANAGE) serve --host $(or $(HOST),127.0.0.1) --port $(or $(PORT),8000)

demo: setup ## Like run, with reviewers and pairs to grade (PHOTOS=folder PORT=8000 HOST=127.0.0.1)
	@$(MANAGE) demo --host $(or $(HOST),127.0.0.1) --port $(or $(PORT),8000) $(if $(PHOTOS),--photos "$(PHOTOS)")
	@exec $(MANAGE) serve --host $(or $(HOST),127.0.0.1) --port $(or $(PORT),8000)

test: models ## Set up and run the tests
	@$(BIN)/python -m pytest -n 2

lint: packages ## Check style, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

bench: setup ## Measure import, match, start-up and memory
	$(BIN)/python -m benchmarks

bench-engine: setup ## Measure the ranking of 20 000 to 2 million clips beside its peers (15 minutes, 12 GB of disk)
	$(BIN)/python -m pip install --quiet -r benchmarks/requirements.txt
	$(BIN)/python -m benchmarks.matching.scaling

bench-labelling: packages ## Measure claims, the draw, a reviewer's pace and a report
	$(BIN)/python -m benchmarks.labelling
	$(BIN)/python -m benchmarks.labelling_report

bench-library: models ## Measure pages and queries at 20 thousand and 2 million recordings (12 GB of disk)
	$(BIN)/python -m benchmarks.large_library

bench-coverage: packages ## Simulate how often the intervals of shares cover (four minutes)
	$(BIN)/python -m benchmarks.coverage

bench-simulation: setup ## Run a campaign from draw to frozen report, graded by scripts
	$(BIN)/python -m benchmarks.simulated_campaign

fuzz: packages ## Send randomly changed files through the decoders (FILES=2000 SEED=1)
	$(BIN)/python -m benchmarks.fuzz --files $(or $(FILES),2000) --seed $(or $(SEED),1)

contract: setup ## Send 10 000 requests made from the API's description to a site (CASES=10000 SEED=1)
	$(BIN)/python -m benchmarks.contract --cases $(or $(CASES),10000) --seed $(or $(SEED),1)

chaos: models ## Break a separate site on purpose; nothing accepted may be lost (25 minutes)
	$(BIN)/python -m benchmarks.chaos

chaos-quick: packages ## The same in three minutes
	$(BIN)/python -m benchmarks.chaos --quick

chaos-long: packages ## The slow cases: 20 restarts of Redis, 100 000 changed files
	$(BIN)/python -m benchmarks.chaos --long
	$(BIN)/python -m benchmarks.fuzz --files 100000 --seed 1

clean: ## Delete the virtual environment; keep the data in var/
	rm -rf $(VENV)
