# make demo: see the plugin work. make test: check everything. Both install what they need.
#   make demo IMAGE=path/to/bscan.png      another B-scan
#   make test ARGS="-k prompts -x"         more for pytest
#   PYTHON=python3.12 make test            the Python that makes the environment

bin := .venv/bin
IMAGE :=
ARGS :=

.PHONY: help demo test lint pytest bench docs-figures demo-environment dev-environment

help:
	@sed -n 's/^# \{0,1\}//p' Makefile

demo: demo-environment
	@$(bin)/python -m napari_octsam demo $(if $(IMAGE),"$(IMAGE)")

test: lint pytest

lint: dev-environment
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	$(bin)/lint-imports --no-logo
	$(bin)/npe2 validate src/napari_octsam/napari.yaml

pytest: dev-environment
	@scripts/with_display.sh $(bin)/python -m pytest --cov=napari_octsam $(ARGS)

bench: dev-environment
	@scripts/with_display.sh $(bin)/python -m benchmarks $(ARGS)

docs-figures: dev-environment
	@scripts/with_display.sh $(bin)/python -m tools.docs.figures $(ARGS)

demo-environment:
	@scripts/environment.sh demo

dev-environment:
	@scripts/environment.sh dev
