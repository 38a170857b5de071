"""Many volumes: each is one task, on the cores of this machine."""
