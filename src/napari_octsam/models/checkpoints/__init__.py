"""From a file to a model, and back: recognised, checked, loaded, saved, converted, downloaded."""
