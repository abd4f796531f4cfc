# Two doors: `make run` sets up and runs the site, `make test` sets up and passes the tests.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
MANAGE := $(BIN)/python manage.py
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup run test lint bench fuzz chaos chaos-quick chaos-long models library clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

$(STAMP): requirements.txt constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed and $(PYTHON) was not found. Install it, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is `$(PYTHON) --version`."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv and ensurepip modules are missing. On Debian and Ubuntu: sudo apt-get install python3.11-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on --quiet -r requirements.txt
	@touch $@

models: $(STAMP) ## Get the models' weights
	@$(MANAGE) fetch_models

library: models ## Create the database and import the starter library
	@$(MANAGE) setup_library

setup: library ## Everything `manage.py match PHOTO` needs

run: setup ## Set up and run the site (PORT=8000 HOST=127.0.0.1)
	@exec $(MANAGE) serve --host $(or $(HOST),127.0.0.1) --port $(or $(PORT),8000)

test: models ## Set up and run the tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: $(STAMP) ## Style, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

bench: setup ## Measure import, match, start-up and memory
	$(BIN)/python -m benchmarks

fuzz: $(STAMP) ## Send files changed at random through the decoders (FILES=2000 SEED=1)
	$(BIN)/python -m benchmarks.fuzz --files $(or $(FILES),2000) --seed $(or $(SEED),1)

chaos: models ## Break a site of its own on purpose: nothing accepted may be lost (25 minutes)
	$(BIN)/python -m benchmarks.chaos

chaos-quick: $(STAMP) ## The same, in three minutes
	$(BIN)/python -m benchmarks.chaos --quick

chaos-long: $(STAMP) ## What takes long: Redis restarted 20 times, 100 000 files changed at random
	$(BIN)/python -m benchmarks.chaos --long
	$(BIN)/python -m benchmarks.fuzz --files 100000 --seed 1

clean: ## Delete the virtual environment; data under var/ stays
	rm -rf $(VENV)
