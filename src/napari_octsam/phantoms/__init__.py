"""The parts of the phantom generator: eye, lesions, light, acquisition."""
