"""Questions that `octsam doctor` asks in a process of its own, because the answer may be a crash.

`python -m napari_octsam.cli.probes opengl` prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["PROBES", "probe_opengl", "probe_qt", "probe_torch"]


def probe_qt() -> dict[str, Any]:
    """Return the Qt binding in use and its version."""
    import qtpy
    from qtpy import QtWidgets  # noqa: F401  the libraries load here, or do not

    return {"binding": qtpy.API_NAME, "qt": qtpy.QT_VERSION}


def probe_opengl() -> dict[str, Any]:
    """Return the renderer and version of an OpenGL context, made as napari makes its canvas."""
    from vispy.app import Canvas
    from vispy.gloo import gl

    canvas = Canvas(show=False)
    renderer, version = gl.glGetParameter(gl.GL_RENDERER), gl.glGetParameter(gl.GL_VERSION)
    canvas.close()
    if not renderer:
        raise RuntimeError("Qt could not create an OpenGL context")
    return {"renderer": renderer, "version": version}


def probe_torch() -> dict[str, Any]:
    """Return torch's version and the devices it can use."""
    import torch
    import torchvision  # noqa: F401  segment-anything needs it; mismatched builds fail here

    cuda = torch.cuda.is_available()
    return {
        "version": torch.__version__,
        "gpu": torch.cuda.get_device_name() if cuda else None,
        "mps": torch.backends.mps.is_available(),
        "threads": torch.get_num_threads(),
    }


PROBES: dict[str, Callable[[], dict[str, Any]]] = {
    "opengl": probe_opengl,
    "qt": probe_qt,
    "torch": probe_torch,
}

if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]]()))
