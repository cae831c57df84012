"""Defines the structure of all JSON output, derived from the records. New versions may add fields but never rename them."""
