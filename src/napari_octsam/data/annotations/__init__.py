"""Annotations on disk: folders NAME.octsam, and what goes in and out of them."""
