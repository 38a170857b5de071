"""Scripts that make the pictures and tables of the docs."""
