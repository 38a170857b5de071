"""octsam-tiny: a small promptable network that keeps thin layers."""
