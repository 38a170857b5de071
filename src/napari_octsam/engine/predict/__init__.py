"""The process that predicts, and napari's side of it."""
