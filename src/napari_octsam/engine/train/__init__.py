"""The process that trains, and napari's side of it."""
