"""Which layers the Prompt widget works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_octsam.gui.prompting.labels_row import LabelsRow
from napari_octsam.gui.prompting.schema_question import SchemaQuestion
from napari_octsam.gui.widgets.fold import Fold
from napari_octsam.gui.widgets.form import form_on
from napari_octsam.gui.widgets.layer_combo import LayerCombo

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_octsam.gui.prompting.labels_choice import LabelsChoice
    from napari_octsam.gui.prompting.prompter import Prompter
    from napari_octsam.gui.session.session_widget import SessionWidget

__all__ = ["LayersPanel"]


class LayersPanel(QWidget):
    """Combos for the image and the labels; below a fold, for the layers of the prompts."""

    def __init__(self, owner: SessionWidget, prompter: Prompter, choice: LabelsChoice) -> None:
        super().__init__(owner)
        from napari.layers import Image, Labels, Points, Shapes

        self._prompter = prompter
        self._choice = choice
        preview, viewer = prompter.preview, owner.viewer

        def is_users_labels(layer: Layer) -> bool:
            return isinstance(layer, Labels) and layer is not preview.layer

        def combo_of(kind: type, none_text: str, hint: str) -> LayerCombo:
            return LayerCombo(viewer, lambda x: isinstance(x, kind), none_text, hint)

        self.image = combo_of(Image, "choose an image", "B-scans to draw prompts on")
        self.labels = LayerCombo(
            viewer, is_users_labels, "a new layer", "Labels that a commit goes into"
        )
        self.shapes = combo_of(Shapes, "a new layer", "Layer of boxes, polygons and scribbles")
        self.points = combo_of(Points, "a new layer", "Layer of points")
        self.labels_row = LabelsRow(owner, prompter, choice, self.labels)
        self.question = SchemaQuestion(owner, choice)
        self._lay_out()
        self.image.chosen.connect(self._choose_image)
        self.labels.chosen.connect(self._choose_labels)
        self.shapes.chosen.connect(prompter.drawing.use_shapes)
        self.points.chosen.connect(prompter.drawing.use_points)
        for each in (self.image, self.labels, self.shapes, self.points):
            owner.when_released(each.release)
        owner.listen(prompter.shown.image_changed, self.refresh)
        owner.listen(prompter.drawing.layers_changed, self.refresh)
        owner.listen(prompter.committer.target_changed, self.refresh)
        owner.listen(choice.settled, self.refresh)
        inserted = viewer.layers.events.inserted
        inserted.connect(self._hear_of_image)
        owner.when_released(lambda: inserted.disconnect(self._hear_of_image))
        prompter.shown.take_first()
        self.refresh()

    def refresh(self) -> None:
        """Show the layers that the prompter works on."""
        self.image.choose(self._prompter.shown.image)
        self.labels.choose(self._prompter.committer.target)
        self.shapes.choose(self._prompter.drawing.shapes)
        self.points.choose(self._prompter.drawing.points)

    def _lay_out(self) -> None:
        prompt_layers = QWidget()
        prompts = form_on(prompt_layers)
        prompts.addRow("Shapes", self.shapes)
        prompts.addRow("Points", self.points)
        self.fold = Fold(
            "Prompt layers", prompt_layers, "Draw on shapes and points layers of your own"
        )
        top = QWidget()
        form = form_on(top)
        form.addRow("Image", self.image)
        form.addRow("Labels", self.labels_row)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(top)
        column.addWidget(self.question)
        column.addWidget(self.fold)

    def _choose_image(self, image: Any) -> None:
        self._prompter.shown.image = image

    def _choose_labels(self, labels: Any) -> None:
        self._prompter.notices.expire()
        self._choice.choose(labels)

    def _hear_of_image(self, event: Any) -> None:
        """Take a new image where there is none; else say that it is not the one in use."""
        from napari.layers import Image

        image = self._prompter.shown.image
        if not isinstance(event.value, Image):
            return
        if image is None:
            self._choose_image(event.value)
        else:
            self._prompter.notices.happened(
                f'"{event.value.name}" was opened; prompts still go to "{image.name}". '
                "Choose it under Image to change."
            )
