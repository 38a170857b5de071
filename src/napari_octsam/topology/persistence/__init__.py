"""Persistence pairs of maps, and the components and holes of true masks."""
