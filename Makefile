# Computer Vision in Production. The two commands: make book, make test.
# Python 3.11, to which Blender's module is tied: `make PYTHON=/path/to/python3.11` names one.
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
CORES ?= $(shell env -u OMP_NUM_THREADS nproc)
WORKERS ?= $(CORES)
GRAPH := $(BIN)/python -m cvbook.publish.progress --cores $(CORES)
TIMED := tools/timed.sh
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export OMP_NUM_THREADS := 1
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help book test read lab chapter evidence worlds weights setup lint unit notebooks site clean

help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

book: setup  ## set up, run what changed, render, print the path of the first page
	@$(BIN)/cvbook doctor || true
	@$(GRAPH) book
	@echo "The book: file://$(CURDIR)/runs/book/_build/html/index.html"

test: setup  ## everything that CI runs; says at the end what took how long
	@$(TIMED) $(MAKE) --no-print-directory -- lint unit notebooks site

read: setup  ## render the committed outputs without running anything
	@echo "The book: file://$$($(BIN)/cvbook build)"

lab: setup  ## open JupyterLab on the chapters
	$(BIN)/jupyter lab notebooks

chapter: setup  ## run one chapter: make chapter N=12a ARGS="-p data_dir=my/scans"
	@test -n "$(N)" || { echo 'Say which: make chapter N=02'; exit 2; }
	$(BIN)/cvbook run $(N) $(ARGS)

evidence: setup  ## run the study over all seeds and gather the verdicts (hours)
	@$(GRAPH) evidence
	@$(BIN)/cvbook evidence

worlds: setup  ## render the large sets, 140 000 rows: days of one core, so better on many
	@$(BIN)/snakemake --cores $(CORES) --quiet rules host --rerun-triggers mtime params input -- worlds

weights: setup  ## train the shipped recogniser, detector and embedder again (hours on a CPU)
	$(BIN)/python -m cvbook.train.shipped_weights

setup: $(VENV)/done

$(VENV)/done: requirements.txt requirements-nodeps.txt pyproject.toml
	@tools/make_venv.sh "$(VENV)" "$(PYTHON)"
	@echo "Installing the pinned packages into $(VENV): about 3 minutes and 5 GB."
	@$(BIN)/pip install --quiet "$$(grep '^torch==' requirements.txt)"
	@$(BIN)/pip install --quiet -r requirements.txt
	@$(BIN)/pip install --quiet --no-deps -r requirements-nodeps.txt -e .
	@touch $@

lint: setup  ## ruff for lines and format, mypy for types
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy

unit: setup  ## the unit tests, the slow ones too; the slowest are listed
	@$(BIN)/cvbook doctor
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --durations 12 tests --ignore tests/site

notebooks: setup  ## every committed notebook run again and compared
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --nbval --nbval-cell-timeout 900 -p no:cacheprovider notebooks

site: setup  ## the book built with warnings as errors, its pages visited side by side
	@$(BIN)/cvbook build
	$(BIN)/pytest -n $(WORKERS) tests/site

clean:  ## delete runs and rendered pages, keep the environment
	rm -rf runs .snakemake
