"""Calling a function in a Python process of its own, which has imported nothing else yet."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import to_json

__all__ = ["FreshProcessFailed", "call_fresh"]

_LAST_WORDS = 1500  # characters


class FreshProcessFailed(RuntimeError):  # noqa: N818
    """The function raised, or its process crashed; the message ends with what it printed."""


def call_fresh(
    function: Callable[..., Any], environment: Mapping[str, str] | None = None, **arguments: Any
) -> Any:
    """Call `function(**arguments)` in a new process and return its answer.

    Parameters
    ----------
    function
        Of a module's top level; it returns what JSON can hold, or a pydantic model, which arrives
        as a dict.
    environment
        Variables to set besides this process's.
    arguments
        What JSON can hold.
    """
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, "-m", "benchmarks.fresh", function.__module__]
        done = subprocess.run(
            [*command, function.__name__, json.dumps(arguments), str(answer)],
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        if done.returncode or not answer.exists():
            raise FreshProcessFailed(
                f"{function.__module__}.{function.__name__} ended with exit code "
                f"{done.returncode}: {done.stdout[-_LAST_WORDS:].strip()}"
            )
        return json.loads(answer.read_bytes())


def main() -> None:
    """Call a function: its module, its name, its arguments as JSON, the file for its answer."""
    module, name, arguments, answer = sys.argv[1:]
    function = getattr(importlib.import_module(module), name)
    Path(answer).write_bytes(to_json(function(**json.loads(arguments))))


if __name__ == "__main__":
    main()
