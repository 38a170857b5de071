"""Metrics of masks against the truth, and of a model's judgement of its own masks."""
