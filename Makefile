# make demo: see the plugin work. make test: check everything. Both install what they need.
#   make demo IMAGE=path/to/bscan.png      another B-scan
#   make test ARGS="-m quick"              an answer within a minute
#   make test ARGS="-k prompts -x"         more for pytest
#   make test QT=pyside6                   with PySide6 in place of PyQt6
#   make coverage                          the tests, and the lines that they leave out
#   PYTHON=python3.12 make test            the Python that makes the environment

QT := pyqt6
IMAGE :=
ARGS :=
environment := $(if $(filter pyqt6,$(QT)),.venv,.venv-$(QT))
bin := $(environment)/bin
unexport PYTHONDONTWRITEBYTECODE # else each of the tests' processes compiles the package anew
pytest := scripts/with_display.sh $(bin)/python -m pytest -n 2 --dist loadgroup

.PHONY: help demo test lint pytest coverage bench docs-figures demo-environment dev-environment

help:
	@sed -n 's/^# \{0,1\}//p' Makefile

demo: demo-environment
	@$(bin)/python -m napari_octsam demo $(if $(IMAGE),"$(IMAGE)")

test: $(if $(filter pyqt6,$(QT)),lint) pytest  # types are those of PyQt6

lint: dev-environment
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	$(bin)/lint-imports --no-logo
	$(bin)/npe2 validate src/napari_octsam/napari.yaml

pytest: dev-environment
	@$(pytest) $(ARGS)

coverage: dev-environment
	@$(pytest) --cov=napari_octsam $(ARGS)

bench: dev-environment
	@scripts/with_display.sh $(bin)/python -m benchmarks $(ARGS)

docs-figures: dev-environment
	@scripts/with_display.sh $(bin)/python -m tools.docs.figures $(ARGS)

demo-environment:
	@scripts/environment.sh demo $(QT)

dev-environment:
	@scripts/environment.sh dev $(QT)
