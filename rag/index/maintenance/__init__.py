"""Upkeep of an index: status and health, reindexing, compaction, restoring a backup."""
