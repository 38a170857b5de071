"""Labels of a viewer in µm and mm: tables, a map, files."""
