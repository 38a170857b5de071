"""Qt widgets that know nothing of napari or of models."""
