"""`octsam models`: the models there are, and downloading one."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.filesize import decimal
from rich.table import Table

from napari_octsam.cli.console import download_bar, out

__all__ = ["download_if_needed", "models"]


def models(
    download: Annotated[
        str | None, typer.Option(metavar="NAME", help="Download this model first.")
    ] = None,
) -> None:
    """List the models that can be named, and whether they are on this machine."""
    if download is not None:
        _download(download)
    out.print(_table())


def download_if_needed(name: str) -> None:
    """Download a model of the registry that is not on this machine yet, showing a bar."""
    from napari_octsam.models.checkpoints.registry import REGISTRY, local_path

    if name in REGISTRY and local_path(name) is None:
        _download(name)


def _download(name: str) -> None:
    from napari_octsam.models.checkpoints.registry import fetch

    with download_bar(name) as progress:
        fetch(name, progress=progress)


def _table() -> Table:
    from napari_octsam.models.checkpoints.registry import REGISTRY, local_path

    table = Table("Name", "What", "Size", "Where")
    for model in REGISTRY.values():
        path = local_path(model.name)
        size = path.stat().st_size if path is not None else model.bytes
        where = _missing(model.name) if path is None else str(path)
        if model.url is None:
            where = "bundled"
        table.add_row(model.name, model.title, "" if size is None else decimal(size), where)
    return table


def _missing(name: str) -> str:
    from napari_octsam.models.checkpoints.registry import own_place

    path = own_place(name)
    if not path.exists():
        return "not downloaded"
    return f"damaged, and not used: {path} (octsam models --download {name})"
