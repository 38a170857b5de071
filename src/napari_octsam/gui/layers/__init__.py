"""Layers of napari as B-scans, labels and prompts."""
