"""Learning: samples, simulated prompts, losses and loops."""
