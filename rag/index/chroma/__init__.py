"""Chroma, held by a process of its own: ids and vectors only, filled from the catalog's log and searched through.

Its folder is derived and may be thrown away at any time. One process at a time may open it, since a second one, even a
reading one, damages it (the caller holds the lock). It does not know the catalog.
"""

from rag.index.chroma.process import ChromaFolder, ChromaProcess

__all__ = ["ChromaFolder", "ChromaProcess"]
