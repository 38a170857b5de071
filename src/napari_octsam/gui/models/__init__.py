"""A model is chosen, downloaded and loaded."""
