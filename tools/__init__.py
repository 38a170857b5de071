"""Scripts that keep the project, not part of the installed package."""
