"""A folder with the oracles' packages, to stand before all others on the path."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["ORACLES", "oracles_environment"]

ORACLES = Path(__file__).parents[2] / "build" / "oracles"
"""Where the benchmarks have them."""

_PACKAGES = (
    "gudhi==3.11.0",  # torch-topological 0.1.9 fails with later ones
    "giotto-ph",
    "joblib",
    "monai",
    "narwhals",
    "opencv-python-headless",
    "pot==0.9.7.post1",
    "scikit-learn",
    "threadpoolctl",
    "topolosses==0.2.0",
    "torch-topological==0.1.9",
)


def oracles_environment(folder: Path) -> dict[str, str]:
    """Return the variables for a process that uses the oracles, installing them where needed.

    Raises
    ------
    subprocess.CalledProcessError
        pip cannot install them.
    """
    if not folder.exists():
        part = folder.with_suffix(".part")
        install = ("-m", "pip", "install", "--quiet", "--no-deps", "--target", str(part))
        subprocess.run([sys.executable, *install, *_PACKAGES], check=True)
        part.rename(folder)
    return {"PYTHONPATH": str(folder.absolute())}
