"""The plugin in napari: layers to prompts, predictions to labels, and the widgets."""
