"""Data sets of other projects in their own files."""
