"""Chroma in a process of its own: keys and vectors only, filled from the catalog's log.

Its folder is derived data and may be deleted at any time. Only one process at a time may open it: a second one damages it,
even when it only reads (the caller holds the lock). Does not know the catalog.
"""

from rag.index.chroma.process import ChromaFolder, ChromaProcess

__all__ = ["ChromaFolder", "ChromaProcess"]
