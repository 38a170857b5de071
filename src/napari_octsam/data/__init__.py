"""Data in and out: B-scans, labels and the synthetic sample."""
