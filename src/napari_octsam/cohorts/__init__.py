"""Many volumes: each is one task, on this machine's cores or on a cluster."""
