"""What a step of training is judged by."""
