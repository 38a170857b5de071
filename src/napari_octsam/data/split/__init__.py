"""Training, validation and test parts: drawn by patient, kept, checked for leaks."""
