"""Trains the reader: the model that decides whether a passage answers a question, and with which words."""
