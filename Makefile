# Computer Vision in Production. The two commands: make book, make test.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
CORES ?= $(shell nproc)
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES) --quiet rules host --rerun-triggers mtime params input --
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export OMP_NUM_THREADS := 1
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help book test read lab chapter evidence worlds weights setup lint unit notebooks site clean

help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

book: setup  ## set up, run what changed, render, print the path of the first page
	@$(BIN)/cvbook doctor || true
	@echo "Running the chapters that changed, $(CORES) at a time; a first run takes about 10 minutes."
	@$(SNAKEMAKE) book
	@echo "The book: file://$(CURDIR)/runs/book/_build/html/index.html"

test: setup lint unit notebooks site  ## everything that CI runs

read: setup  ## render the committed outputs without running anything
	@echo "The book: file://$$($(BIN)/cvbook build)"

lab: setup  ## open JupyterLab on the chapters
	$(BIN)/jupyter lab notebooks

chapter: setup  ## run one chapter: make chapter N=12a ARGS="-p data_dir=my/scans"
	@test -n "$(N)" || { echo 'Say which: make chapter N=02'; exit 2; }
	$(BIN)/cvbook run $(N) $(ARGS)

evidence: setup  ## run the study over all seeds and gather the verdicts (hours)
	@$(SNAKEMAKE) evidence
	@$(BIN)/cvbook evidence

worlds: setup  ## render the large sets, 140 000 rows: days of one core, so better on many
	@$(SNAKEMAKE) worlds

weights: setup  ## train the shipped recogniser and detector again (hours on a CPU)
	$(BIN)/python -m cvbook.train.shipped_weights

setup: $(VENV)/done

$(VENV)/done: requirements.txt requirements-nodeps.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11, or say make PYTHON=/path/to/python3.11"; exit 2; }
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned packages into $(VENV): about 3 minutes and 3 GB."
	@$(BIN)/pip install --quiet "$$(grep '^torch==' requirements.txt)"
	@$(BIN)/pip install --quiet -r requirements.txt
	@$(BIN)/pip install --quiet --no-deps -r requirements-nodeps.txt -e .
	@touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

unit: setup
	@$(BIN)/cvbook doctor
	$(BIN)/pytest -n $(CORES) --dist loadfile tests --ignore tests/site

notebooks: setup
	$(BIN)/pytest -n $(CORES) --dist loadfile --nbval --nbval-cell-timeout 900 -p no:cacheprovider notebooks

site: setup
	@$(BIN)/cvbook build
	$(BIN)/pytest tests/site

clean:  ## delete runs and rendered pages, keep the environment
	rm -rf runs .snakemake
