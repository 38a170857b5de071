"""The package as a whole: who imports whom, what it declares, what the wheel holds."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from email.message import Message
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "napari_octsam"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
QT_BINDINGS = {"pyqt5", "pyqt6", "pyside2", "pyside6"}


class Imports(NamedTuple):
    """What a room imports: other rooms, or sub-rooms of its own; packages, but for numpy."""

    house: set[str]
    libraries: set[str]


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


def test_the_table_of_rooms_says_what_each_imports() -> None:
    assert _table_of_rooms() == _imports_of_rooms()


def test_what_the_page_of_the_architecture_names_is_there() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    names = set(re.findall(r"`([\w./]+)`", ARCHITECTURE.read_text("utf-8")))
    modules = {name for name in names if re.split(r"[./]", name)[0] in rooms}
    classes = {name for name in names if re.match(r"[A-Z][a-z]", name)}

    assert {name for name in modules if not _is_there(name)} == set()
    assert {name.partition(".")[0] for name in classes} <= _classes()


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
    assert "octsam = napari_octsam.__main__:main" in entry_points


def test_no_qt_binding_comes_unasked(dependencies: set[str]) -> None:
    assert "napari" in dependencies
    assert not QT_BINDINGS & dependencies


def test_the_dependencies_are_what_is_imported(dependencies: set[str], metadata: Message) -> None:
    distributions = packages_distributions()
    optional = {
        canonicalize_name(r.name)
        for r in map(Requirement, metadata.get_all("Requires-Dist", []))
        if r.marker
        and any(r.marker.evaluate({"extra": extra}) for extra in ("cluster", "fast", "wandb"))
    }
    imported = {
        canonicalize_name(name)
        for module in _imported_modules() - sys.stdlib_module_names - {"napari_octsam"}
        for name in distributions.get(module, [module])
    }

    assert dependencies <= imported <= dependencies | optional


def _imported_modules() -> set[str]:
    return {name.partition(".")[0] for path in PACKAGE.rglob("*.py") for name in _imports(path)}


def _imports(path: Path) -> set[str]:
    """Return the dotted names that a module imports, for types and in functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _table_of_rooms() -> dict[str, Imports]:
    rows = re.findall(
        r"^\| `([a-z_/]+)` \|[^|]*\|([^|]*)\|([^|]*)\|$", ARCHITECTURE.read_text("utf-8"), re.M
    )
    return {
        room: Imports(*(set(re.findall(r"`([\w/]+)`", cell)) for cell in cells))
        for room, *cells in rows
    }


def _imports_of_rooms() -> dict[str, Imports]:
    found: dict[str, Imports] = {}
    for path in sorted(PACKAGE.glob("*/**/*.py")):
        room = _room(path.relative_to(PACKAGE).parent.parts)
        imports = found.setdefault(room, Imports(set(), set()))
        for name in _imports(path):
            package, *parts = name.split(".")
            if package != "napari_octsam":
                imports.libraries.update({package} - sys.stdlib_module_names - {"numpy"})
            elif (PACKAGE / parts[0]).is_dir():
                same = parts[0] == room.partition("/")[0]
                imports.house.update({_room(parts) if same else parts[0]} - {room})
    return found


def _room(parts: Sequence[str]) -> str:
    """Return the room of a module or a folder: `gui`, or `gui/layers` where it lies deeper."""
    room = parts[0]
    deeper = len(parts) > 1 and (PACKAGE / room / parts[1] / "__init__.py").is_file()
    return f"{room}/{parts[1]}" if deeper else room


def _is_there(name: str) -> bool:
    """Whether a path or a dotted name is of a room, a module, or what a module defines."""
    if "/" in name:
        return (PACKAGE / name).exists()
    *parts, last = name.split(".")
    folder = PACKAGE.joinpath(*parts)
    if (folder / last).is_dir() or (folder / f"{last}.py").is_file():
        return True
    module = folder.with_suffix(".py")
    return module.is_file() and bool(re.search(rf"\b{last}\b", module.read_text("utf-8")))


def _classes() -> set[str]:
    nodes = [
        n for path in PACKAGE.rglob("*.py") for n in ast.walk(ast.parse(path.read_text("utf-8")))
    ]
    return {node.name for node in nodes if isinstance(node, ast.ClassDef)}


def _read(wheel: Path, pattern: str) -> str:
    with zipfile.ZipFile(wheel) as file:
        name = next(name for name in file.namelist() if Path(name).match(pattern))
        return file.read(name).decode()
