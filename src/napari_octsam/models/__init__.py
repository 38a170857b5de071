"""Networks, their checkpoints and what lies between a B-scan, prompts and masks. No Qt."""
