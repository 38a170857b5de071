"""Segment Anything as a `Network`: segment_anything's modules, computed in quicker ways."""
