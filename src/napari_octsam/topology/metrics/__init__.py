"""How far the topology of a mask is from the truth's."""
