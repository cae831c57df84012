"""Finds the passages that are relevant to a question."""
