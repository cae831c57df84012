"""Turns a question and its passages into a checked, cited answer."""
