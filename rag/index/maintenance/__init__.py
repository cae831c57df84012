"""Index maintenance: status and health checks, reindexing, compaction, and restoring a backup."""
