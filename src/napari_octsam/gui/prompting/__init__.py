"""Prompts are drawn, predictions shown and committed."""
