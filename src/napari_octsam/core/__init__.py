"""Values and rules of the field: B-scans, classes, prompts, masks. No torch, no Qt, no napari."""
