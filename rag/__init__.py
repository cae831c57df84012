"""Answers questions from your own documents, with citations that are exact to the character."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.async_library import AsyncLibrary
    from rag.errors import (
        ClosedError,
        EmbedderChangedError,
        EmbedderError,
        IndexBusyError,
        IndexDamagedError,
        MistakeError,
        ModelError,
        PromptTooLongError,
        QuestionError,
        RagError,
        ReadError,
        SetError,
        SettingsError,
        SourceError,
        StorageError,
    )
    from rag.library import Library
    from rag.records import (
        Anchor,
        Answer,
        AnswerDone,
        Citation,
        Document,
        DocumentInfo,
        Event,
        Explanation,
        Failure,
        Filter,
        Flag,
        Health,
        Hit,
        IndexStatus,
        Passage,
        Progress,
        ReindexReport,
        SearchResult,
        SourcesFound,
        SyncReport,
        TextDelta,
        Turn,
    )
    from rag.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "Anchor",
    "Answer",
    "AnswerDone",
    "AsyncLibrary",
    "Citation",
    "ClosedError",
    "Document",
    "DocumentInfo",
    "EmbedderChangedError",
    "EmbedderError",
    "Event",
    "Explanation",
    "Failure",
    "Filter",
    "Flag",
    "Health",
    "Hit",
    "IndexBusyError",
    "IndexDamagedError",
    "IndexStatus",
    "Library",
    "MistakeError",
    "ModelError",
    "Passage",
    "Progress",
    "PromptTooLongError",
    "QuestionError",
    "RagError",
    "ReadError",
    "ReindexReport",
    "SearchResult",
    "SetError",
    "Settings",
    "SettingsError",
    "SourceError",
    "SourcesFound",
    "StorageError",
    "SyncReport",
    "TextDelta",
    "Turn",
    "__version__",
]
_HOMES = {"Library": "rag.library", "AsyncLibrary": "rag.async_library", "Settings": "rag.settings"}


def __getattr__(name: str) -> object:
    # Names are imported on first use, so that `rag --help` does not wait for numpy.
    if name not in __all__:
        raise AttributeError(f"module 'rag' has no attribute {name!r}")
    home = _HOMES.get(name) or ("rag.errors" if name.endswith("Error") else "rag.records")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return __all__
