"""Defines the structure of all JSON output, derived from the records. Fields may be added, but never renamed."""
