"""A model is fine-tuned on the labels of a viewer."""
