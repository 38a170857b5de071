"""Prompts as a person might give them, made from the truth."""
