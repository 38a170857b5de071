"""`python -m napari_octsam` is `octsam`."""

from __future__ import annotations

from napari_octsam.cli import main

if __name__ == "__main__":
    main()
