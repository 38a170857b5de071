"""octsam-tiny from scratch: samples, views, objects to ask for, and the loop."""
