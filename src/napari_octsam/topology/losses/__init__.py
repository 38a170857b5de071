"""Losses that keep a layer in one piece."""
