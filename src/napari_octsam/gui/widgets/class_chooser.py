"""A grid of the classes of a schema: colour, short name, hotkey."""

from __future__ import annotations

from qtpy.QtCore import QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFont, QFontInfo, QIcon, QPainter, QPaintEvent, QPen, QPixmap
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QPushButton, QWidget

from napari_octsam.core.classes import LabelClass, LabelSchema

__all__ = ["ClassChooser", "pretty_key", "swatch"]

_COLUMNS = 2


class ClassChooser(QWidget):
    """One checkable button for each class of a schema."""

    chosen = Signal(int)
    """The person chose the class of this label value."""

    def __init__(self, schema: LabelSchema, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(3)
        self._group = QButtonGroup(self)
        self._group.idClicked.connect(self.chosen.emit)
        self.set_schema(schema)

    def set_schema(self, schema: LabelSchema) -> None:
        """Show the classes of a schema; none is checked."""
        for button in self._group.buttons():
            self._group.removeButton(button)
            self._grid.removeWidget(button)
            button.deleteLater()
        height = -(-len(schema.classes) // _COLUMNS)
        for i, label_class in enumerate(schema.classes):
            button = _ClassButton(label_class)
            self._group.addButton(button, label_class.value)
            self._grid.addWidget(button, i % height, i // height)

    def check(self, value: int | None) -> None:
        """Check the button of a class, where there is one; None checks none."""
        button = self._group.button(self.checked if value is None else value)
        if button is not None:
            self._group.setExclusive(value is not None)
            button.setChecked(value is not None)
            self._group.setExclusive(True)

    @property
    def checked(self) -> int:
        """Value of the class that is checked, or -1."""
        return int(self._group.checkedId())


class _ClassButton(QPushButton):
    def __init__(self, label_class: LabelClass) -> None:
        super().__init__(swatch(label_class.color), label_class.short)
        self._key = pretty_key(label_class.hotkey) if label_class.hotkey else ""
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setIconSize(QSize(12, 12))
        self.setStyleSheet("text-align: left; padding: 3px 6px;")
        key = f" ({label_class.hotkey})" if label_class.hotkey else ""
        self.setToolTip(f"{label_class.value} {label_class.name}{key}")

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 (Qt's name)
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setPen(self.palette().buttonText().color())  # paler could not be read
        painter.setFont(self._key_font())
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(self.rect().adjusted(0, 0, -7, 0), right, self._key)
        painter.end()

    def _key_font(self) -> QFont:
        font = self.font()
        font.setPixelSize(round(0.85 * QFontInfo(font).pixelSize()))
        return font


def pretty_key(key: str) -> str:
    """Return a key binding as it is shown: Shift-N as ⇧N."""
    names = {
        "Shift-": "⇧",
        "Control-": "Ctrl+",
        "Enter": "⏎",
        "Delete": "Del",
        "Right": "→",
        "Left": "←",
    }
    for name, sign in names.items():
        key = key.replace(name, sign)
    return key


def swatch(color: str) -> QIcon:
    """Return a small square of a colour (#rrggbb or #rrggbbaa); an invisible one is crossed out."""
    pixmap = QPixmap(24, 24)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    square = QRect(2, 2, 20, 20)
    painter.setPen(QPen(QColor("#808080"), 2))
    if color.endswith("00") and len(color) == 9:
        painter.drawRoundedRect(square, 5, 5)
        painter.drawLine(6, 18, 18, 6)
    else:
        painter.setBrush(QColor(color[:7]))
        painter.drawRoundedRect(square, 5, 5)
    painter.end()
    return QIcon(pixmap)
