"""What is odd about labels, each with what would mend it.

The pieces and holes that are one too many come from `topology.report`; layers are mended by their
boundaries, traced through the labels that are right.
"""

from napari_octsam.topology.repairs.finding import Finding, Kind, applied
from napari_octsam.topology.repairs.repairing import find, repair

__all__ = ["Finding", "Kind", "applied", "find", "repair"]
