"""Make the recorded values; see the package's text."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.oracles.install import oracles_environment

_ORACLES = ("original_loss", "original_faults", "betti_matching", "predicted_matching")
_RECORDED = Path(__file__).parents[2] / "tests" / "recorded"


def main() -> None:
    """Install the oracles and record what they say."""
    environment = {**os.environ, **oracles_environment(Path(sys.argv[1]))}
    for oracle in _ORACLES:
        command = [sys.executable, "-m", f"benchmarks.oracles.{oracle}"]
        subprocess.run([*command, str(_RECORDED / f"{oracle}.json")], check=True, env=environment)


if __name__ == "__main__":
    main()
