"""The index on disk: the catalog, Chroma, and everything that writes documents into them."""
