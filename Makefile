# Everything runs in .venv, which is made when it is missing or older than what it is made from.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test fuzz check docs site coverage release-check bench bench-quick clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --upgrade-strategy only-if-needed --constraint constraints.txt torch torchvision
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,all]'
	touch $@

demo: .venv/ready  ## train, prune, run and audit a network on drawn faces
	PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/faces.sh

test: .venv/ready  ## what CI runs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

fuzz: .venv/ready  ## 200,000 damaged and hostile inputs, 10 minutes guided by coverage, 100 killed commands
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[fuzz]'
	$(BIN)/python tests/fuzz/fuzz.py
	$(BIN)/python tests/fuzz/structured.py
	$(BIN)/python tests/fuzz/kills.py

check: .venv/ready  ## style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m tools.generate --check

docs: .venv/ready  ## pages made from the program itself
	$(BIN)/python -m tools.generate

site: .venv/ready  ## the documentation as a website, in build/site
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	$(BIN)/sphinx-build -W --keep-going -n -q docs build/site

coverage: .venv/ready  ## lines that the tests run
	$(BIN)/python -m pip install --quiet --constraint constraints.txt pytest-cov
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --cov=pbias --cov-report=term:skip-covered

release-check: .venv/ready  ## build sdist and wheel, install each afresh, run the README's first example
	$(PYTHON) tools/release_check.py

bench: .venv/ready  ## side-by-side measurements
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	for script in bench/*.py; do $(BIN)/python "$$script" || exit 1; done

bench-quick: .venv/ready  ## the same at small sizes in five minutes, as one table
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python bench/parts/quick.py

clean:
	rm -rf .venv demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
