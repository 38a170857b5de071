"""The manifest: what napari opens from it, what it costs, and what it never imports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from npe2 import PluginManifest

import napari_octsam
from napari_octsam.gui.models.model_widget import ModelWidget
from napari_octsam.gui.prompting.prompt_widget import PromptWidget
from napari_octsam.gui.session.session import session_of
from napari_octsam.gui.session.settings import PLUGIN, Settings, read_settings

MANIFEST = Path(napari_octsam.__file__).with_name("napari.yaml")

OPEN_EVERY_WIDGET = """
import sys, time
import napari
from npe2 import PluginManager, PluginManifest
manager = PluginManager.instance()
if "napari-octsam" not in manager:
    manager.register(PluginManifest.from_file(sys.argv[1]))
viewer = napari.Viewer(show=False)
started = time.perf_counter()
for widget in ("Model", "Prompt"):
    viewer.window.add_plugin_dock_widget("napari-octsam", widget)
print("seconds", time.perf_counter() - started)
print("torch" in sys.modules, "triton" in sys.modules, "safetensors" in sys.modules)
viewer.close()
"""


@pytest.fixture
def plugin(npe2pm: Any, plugin_settings: None) -> PluginManifest:
    """The plugin as its manifest describes it, and no other."""
    manifest = PluginManifest.from_file(MANIFEST)
    if PLUGIN not in npe2pm:
        npe2pm.register(manifest)
    return manifest


def test_every_command_of_the_manifest_can_be_imported(plugin: PluginManifest) -> None:
    plugin.validate_imports()


@pytest.mark.usefixtures("plugin")
def test_both_widgets_open_from_the_menu_and_share_a_session(
    make_napari_viewer_proxy: Callable[[], Any],
) -> None:
    viewer = make_napari_viewer_proxy()
    _, model = viewer.window.add_plugin_dock_widget(PLUGIN, "Model")
    _, prompt = viewer.window.add_plugin_dock_widget(PLUGIN, "Prompt")
    assert isinstance(model, ModelWidget)
    assert isinstance(prompt, PromptWidget)
    assert model.session is prompt.session is session_of(viewer)
    session_of(viewer).close()


@pytest.mark.usefixtures("plugin")
def test_the_samples_open_with_their_truth(make_napari_viewer: Callable[[], Any]) -> None:
    viewer = make_napari_viewer()
    viewer.open_sample(PLUGIN, "phantom")
    image, truth = viewer.layers
    assert image.data.shape == truth.data.shape == (496, 768)
    assert set(np.unique(truth.data)) >= {2, 6}
    viewer.layers.clear()
    viewer.open_sample(PLUGIN, "phantom_volume")
    image, truth = viewer.layers
    assert image.data.shape == truth.data.shape == (5, 248, 384)


@pytest.mark.usefixtures("plugin")
def test_the_settings_of_napari_are_read(tmp_path: Path) -> None:
    from napari.settings import get_plugin_settings

    assert read_settings() == Settings()
    chosen = get_plugin_settings(PLUGIN)
    chosen.engine.model = "vit_b"
    chosen.engine.device = "cpu"
    chosen.cache.folder = str(tmp_path)
    chosen.cache.gigabytes = 0.5
    assert read_settings() == Settings("vit_b", "cpu", tmp_path, 0.5)
    assert read_settings().cache_bytes == 512 * 1024**2


@pytest.mark.slow("a real process opens napari")
def test_opening_the_widgets_imports_no_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OPEN_EVERY_WIDGET, str(MANIFEST)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False False False"
