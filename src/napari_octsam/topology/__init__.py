"""Persistent homology of masks: losses that keep a layer in one piece, and metrics that see it.

A mask of foreground probabilities p is filtered by f = 1 - p: at each threshold the complex
holds the pixels that are at least so probable. Dimension 0 sees pieces (a broken layer, an
island), dimension 1 holes.
"""
