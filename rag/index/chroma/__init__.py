"""Runs Chroma in a separate process, with keys and vectors only, filled from the catalog's change log.

Chroma's folder contains only derived data and may be deleted at any time. Only one process at a time may open it, and the
caller holds the lock that ensures this: a second process damages the folder, even if it only reads. This package knows
nothing about the catalog.
"""

from rag.index.chroma.process import ChromaFolder, ChromaProcess

__all__ = ["ChromaFolder", "ChromaProcess"]
