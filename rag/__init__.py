"""Question answering over your own documents, every claim with a citation that resolves to exact characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.errors import RagError
    from rag.library import Library
    from rag.records import Answer, Citation, Document, Filter, Flag, Hit, Turn

__version__ = "0.1.0"
__all__ = ["Answer", "Citation", "Document", "Filter", "Flag", "Hit", "Library", "RagError", "Turn", "__version__"]


def __getattr__(name: str) -> object:
    # On first use only: `rag --help` need not wait for numpy.
    if name == "Library":
        from rag.library import Library

        return Library
    if name == "RagError":
        from rag.errors import RagError

        return RagError
    if name in __all__:
        import rag.records

        return getattr(rag.records, name)
    raise AttributeError(f"module 'rag' has no attribute {name!r}")
