"""The Prompt widget with an engine that answers at once, in a viewer without and with a window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from napari.components import ViewerModel
from qtpy.QtWidgets import QWidget

from napari_octsam.gui.prompting.prompt_widget import PromptWidget
from napari_octsam.gui.session import session as session_module
from napari_octsam.gui.session.session import Session
from napari_octsam.gui.session.settings import Settings
from tests.gui.correcting_parts import Open, open_correct_in
from tests.gui.prompting_parts import PromptEngine, close


@pytest.fixture
def engine(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PromptEngine]:
    """The engine of every session that the test makes: of the kind that its module names."""
    engine: PromptEngine = getattr(request.module, "ENGINE", PromptEngine)()
    made: list[Session] = []

    def session(_settings: Settings | None = None) -> Session:
        made.append(Session(Settings(), engine))
        return made[-1]

    monkeypatch.setattr(session_module, "Session", session)
    yield engine
    for one in made:
        one.close()


@pytest.fixture
def open_widget(
    engine: PromptEngine, qtbot: Any
) -> Iterator[Callable[[ViewerModel], PromptWidget]]:
    """Open the widget of a viewer that has no window, in something like a dock."""
    docks: list[QWidget] = []

    def open_(viewer: ViewerModel) -> PromptWidget:
        docks.append(QWidget())
        qtbot.addWidget(docks[-1])
        widget = PromptWidget(viewer)
        widget.setParent(docks[-1])
        return widget

    yield open_
    for widget in [widget for dock in docks for widget in dock.findChildren(PromptWidget)]:
        close(widget)


@pytest.fixture
def open_prompt(
    open_widget: Callable[[ViewerModel], PromptWidget],
) -> Callable[..., tuple[ViewerModel, PromptWidget]]:
    """Open the widget in a viewer without a window, with an image (or none, with None)."""

    def open_(image: np.ndarray | None = None, **kwargs: Any) -> tuple[ViewerModel, PromptWidget]:
        viewer = ViewerModel()
        if image is not None:
            viewer.add_image(image, name="scan", **kwargs)
        return viewer, open_widget(viewer)

    return open_


@pytest.fixture
def open_in_window(
    make_napari_viewer_proxy: Callable[[], Any], engine: PromptEngine, qtbot: Any
) -> Callable[..., tuple[Any, PromptWidget]]:
    """Open the widget in a real window, by the proxy that napari hands to plugins."""

    def open_(image: np.ndarray | None = None, **kwargs: Any) -> tuple[Any, PromptWidget]:
        viewer = make_napari_viewer_proxy()
        if image is not None:
            viewer.add_image(image, name="scan", **kwargs)
        widget = PromptWidget(viewer)
        viewer.window.add_dock_widget(widget, name="Prompt")
        return viewer, widget

    return open_


@pytest.fixture
def open_correct(
    make_napari_viewer_proxy: Callable[[], Any], engine: PromptEngine, qtbot: Any
) -> Open:
    """Open the Correct widget in a real window, beside labels."""
    return open_correct_in(make_napari_viewer_proxy, qtbot)
