"""From a file to a model, told in `load` from top to bottom, and back again, in `save`."""
