"""Filters a model's reply, and checks its claims, quotations and citations against the documents."""
