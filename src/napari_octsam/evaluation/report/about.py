"""What a report is about: for its files, and in words for its page."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from napari_octsam import __version__

__all__ = ["About"]


@dataclass(frozen=True, slots=True)
class About:
    """What was evaluated, and how.

    Parameters
    ----------
    model
        Name or file.
    data
        Folder of the B-scans.
    only
        Which of them, as a pattern or in words.
    schema
        Name of the label schema.
    prompt
        What the model was given, as a phrase.
    each
        What it was given for: "class" or "piece"; "" where it was asked for nothing.
    spacing_um
        µm per pixel along the A-scan; None where it is not known.
    names_class
        Whether the model was told the class too.
    pseudocolor
        In which colours it saw the B-scans.
    """

    model: str
    data: str
    only: str
    schema: str
    prompt: str
    spacing_um: float | None = None
    each: str = "class"
    names_class: bool = True
    pseudocolor: str = "grayscale"

    def record(self) -> dict[str, str | float | bool | None]:
        """Return all of it by name, with the version of this package."""
        return {**asdict(self), "octsam": __version__}

    def in_words(self) -> dict[str, str]:
        """Return all of it by heading."""
        spacing = self.spacing_um
        return {
            "Model": self.model
            if self.pseudocolor == "grayscale"
            else f"{self.model}, in {self.pseudocolor}",
            "B-scans": f"{self.data}, {self.only}",
            "Schema": self.schema,
            "Prompt": f"{self.prompt} a {self.each}" if self.each else self.prompt,
            "Class": "named with the prompt" if self.names_class else "not named",
            "Spacing": "not given" if spacing is None else f"{spacing:g} µm per pixel",
            "octsam": __version__,
        }
