# make demo: does augmentation help on the embedded data?   make test: the tests.   make lint: style and types.   make docs: the site, in docs/_build/html.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint format docs clean

.venv/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: .venv/installed
	$(BIN)/vaeaug bench digits --per-class 5 --steps 400 --seeds 10 --classifier cnn --classifier forest --output demo

test: .venv/installed
	$(BIN)/python -m pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/installed
	OMP_NUM_THREADS=1 MPLBACKEND=Agg $(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

clean:
	rm -rf .venv demo runs build *.egg-info docs/_build docs/api docs/auto_gallery
