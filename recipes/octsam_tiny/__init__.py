"""How the weights of octsam-tiny that ship were made: data, numbers, loop, rivals, card."""
