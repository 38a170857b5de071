"""The plugin's settings in napari's preferences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_octsam.core.config import BUNDLED_MODEL

__all__ = ["PLUGIN", "Settings", "read_settings"]

PLUGIN = "napari-octsam"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the manifest's `configurations` offer, with its defaults.

    Parameters
    ----------
    model
        Name in the registry of the model that is loaded when one is first needed.
    device
        Where it computes: "auto", "cpu", "cuda" or "mps".
    cache_folder
        Folder of the embeddings and the engine's log; None for the usual place.
    cache_gigabytes
        Most that the embeddings take on the disk.
    """

    model: str = BUNDLED_MODEL
    device: str = "auto"
    cache_folder: Path | None = None
    cache_gigabytes: float = 2.0

    @property
    def cache_bytes(self) -> int:
        """`cache_gigabytes` in bytes."""
        return int(self.cache_gigabytes * 1024**3)


def read_settings() -> Settings:
    """Return what the person has set; the defaults where napari does not know the plugin."""
    from napari.settings import get_plugin_settings

    try:
        chosen = get_plugin_settings(PLUGIN)
    except KeyError:
        return Settings()
    engine, cache = chosen.engine, chosen.cache
    return Settings(
        model=engine.model,
        device=engine.device,
        cache_folder=Path(cache.folder).expanduser() if cache.folder.strip() else None,
        cache_gigabytes=cache.gigabytes,
    )
