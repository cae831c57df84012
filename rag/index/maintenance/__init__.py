"""Maintains an index: checks its status and health, reindexes it, compacts it, and restores a backup."""
