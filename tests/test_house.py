"""The package as a whole: who imports whom, what it declares, what the wheel holds."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "napari_octsam"
QT_BINDINGS = {"pyqt5", "pyqt6", "pyside2", "pyside6"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run([*build, str(ROOT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    return Parser().parsestr(_read(wheel, "*.dist-info/METADATA"))


@pytest.fixture(scope="module")
def dependencies(metadata: Message) -> set[str]:
    declared = [Requirement(text) for text in metadata.get_all("Requires-Dist", [])]
    return {canonicalize_name(r.name) for r in declared if "extra" not in str(r.marker)}


def test_imports_run_down_and_the_napari_side_has_no_torch() -> None:
    lint_imports = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert lint_imports is not None
    done = subprocess.run([lint_imports, "--no-logo"], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["octrima", "octdl_fluid", "AMD_0005"])
def test_the_package_knows_nothing_of_the_recipes_data(name: str) -> None:
    text = (path for kind in ("*.py", "*.toml", "*.yaml", "*.html") for path in PACKAGE.rglob(kind))

    assert not [path for path in text if name in path.read_text("utf-8")]


@pytest.mark.skipif(sys.platform == "win32", reason="git checks links out as text there")
def test_the_manifest_at_the_root_is_the_packages() -> None:
    link = ROOT / "napari.yaml"

    assert link.is_symlink()
    assert link.resolve() == PACKAGE / "napari.yaml"


def test_the_wheel_holds_what_works_offline_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())

    assert "napari_octsam/napari.yaml" in names
    assert "napari_octsam/py.typed" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    for kind in ("*.toml", "*.npz", "*.safetensors", "*.py"):
        for path in PACKAGE.rglob(kind):
            assert path.relative_to(PACKAGE.parent).as_posix() in names
    assert not [name for name in names if name.startswith("tests/")]
    assert wheel.stat().st_size < 25_000_000


def test_the_wheel_says_what_it_is(wheel: Path, metadata: Message) -> None:
    assert metadata["Name"] == "napari-octsam"
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Framework :: napari" in metadata.get_all("Classifier", [])
    entry_points = _read(wheel, "*.dist-info/entry_points.txt")
    assert "napari-octsam = napari_octsam:napari.yaml" in entry_points
    assert "octsam = napari_octsam.cli:main" in entry_points


def test_no_qt_binding_comes_unasked(dependencies: set[str]) -> None:
    assert "napari" in dependencies
    assert not QT_BINDINGS & dependencies


def test_the_dependencies_are_what_is_imported(dependencies: set[str], metadata: Message) -> None:
    distributions = packages_distributions()
    optional = {
        canonicalize_name(r.name)
        for r in map(Requirement, metadata.get_all("Requires-Dist", []))
        if r.marker and any(r.marker.evaluate({"extra": extra}) for extra in ("fast", "wandb"))
    }
    imported = {
        canonicalize_name(name)
        for module in _imported_modules() - sys.stdlib_module_names - {"napari_octsam"}
        for name in distributions.get(module, [module])
    }

    assert dependencies <= imported <= dependencies | optional


def _imported_modules() -> set[str]:
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found


def _read(wheel: Path, pattern: str) -> str:
    with zipfile.ZipFile(wheel) as file:
        name = next(name for name in file.namelist() if Path(name).match(pattern))
        return file.read(name).decode()
