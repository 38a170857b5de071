"""The process that computes, and how napari speaks to it."""
