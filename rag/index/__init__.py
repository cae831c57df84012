"""Stores the index on disk, in a catalog and a Chroma folder, and imports documents into it."""
