"""Runs Chroma, a vector database, in a separate process. It stores only keys and vectors, taken from the catalog.

Chroma's folder contains only derived data and may be deleted at any time. Only one process at a time may open it, because a
second process would damage the folder even by reading; the caller holds a lock that prevents this. This package does
not depend on the catalog.
"""

from rag.index.chroma.process import ChromaFolder, ChromaProcess

__all__ = ["ChromaFolder", "ChromaProcess"]
