"""Tables of text for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from napari_octsam.measurement.tables import TextTable

__all__ = ["terminal_table"]

_NAMES = {"File", "Layers", "Subfield", "Sector", "Class", "Place", "State"}


def terminal_table(table: TextTable, name: str = "") -> Table:
    """Return a table, numbers to the right.

    Parameters
    ----------
    name
        What its figures are of.
    """
    shown = Table(title=Text(f"{name}: {table.title}" if name else table.title))
    for heading in table.headings:
        shown.add_column(Text(heading), justify="left" if heading in _NAMES else "right")
    for row in table.rows:
        shown.add_row(*map(Text, row))
    return shown
