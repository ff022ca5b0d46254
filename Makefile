# make demo: does augmentation help on the embedded data?   make test: the tests.   make lint: style and types.   make docs: the site, in docs/_build/html.
# make versions: the tests with other versions.   make package: what PyPI gets.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint format docs versions package clean

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

versions:
	uvx --from nox nox -f noxfile.py -s newest lowest wheel
	$(PYTHON) noxfile.py

package:
	rm -rf dist
	uv build
	uvx twine check --strict dist/*

clean:
	rm -rf .venv .nox demo runs build dist *.egg-info docs/_build docs/api docs/auto_gallery
