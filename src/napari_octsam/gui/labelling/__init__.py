"""A model labels B-scans unasked, and shows where to look: the Label widget."""
