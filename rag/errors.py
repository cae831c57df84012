"""Everything that can go wrong, in words for the person it happens to.

    RagError
    ├── MistakeError              the user's mistake                              exit 1
    │   ├── QuestionError         empty, or too long
    │   ├── SettingsError         an unknown name, an impossible value, a host that was never accepted
    │   ├── ClosedError           the library was closed
    │   ├── SourceError           no such path, folder or document; or more than one
    │   ├── EmbedderChangedError  the index was built with another embedder
    │   └── SetError              a test set that cannot be used
    ├── ReadError                 one document could not be read; the others go on   exit 3
    ├── IndexBusyError            another process holds what this one needs       exit 4
    ├── IndexDamagedError         the catalog is damaged, or from a newer rag      exit 4
    ├── StorageError              the disk is full, read-only, or fails           exit 4
    ├── EmbedderError             an embeddings endpoint did not answer           exit 4
    └── ModelError                the model did not answer; extraction takes over  (never ends a command)
        └── PromptTooLongError    the model accepts less text; it is asked again with less

Adapters translate their vendor's exceptions into these. No error carries a document's text or a key.
"""

from __future__ import annotations

from typing import ClassVar


class RagError(Exception):
    """Any failure that rag reports on purpose.

    Attributes:
        hint: What the person can do about it; empty if there is nothing.
        retryable: Whether the same call may succeed later without a change.
        exit_code: Exit code of the command line.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class MistakeError(RagError):
    """Something the user gave cannot be used as it is."""


class QuestionError(MistakeError):
    """The question is empty or longer than the limit."""


class SettingsError(MistakeError):
    """A setting has an unknown name or an impossible value, or names a host that was never accepted."""


class ClosedError(MistakeError):
    """A method of a closed library was called."""


class SourceError(MistakeError):
    """A path, folder or document does not exist, or the name fits more than one."""


class EmbedderChangedError(MistakeError):
    """The index has vectors of another embedder."""


class SetError(MistakeError):
    """A line of a test set cannot be used; the message names it."""


class ReadError(RagError):
    """The bytes of one document could not be turned into text."""

    exit_code = 3


class IndexBusyError(RagError):
    """Another process holds the lock; the message names it."""

    exit_code = 4
    retryable = True


class IndexDamagedError(RagError):
    """The catalog failed its checks, or was written by a newer rag; nothing is answered from it."""

    exit_code = 4


class StorageError(RagError):
    """The file system refused a read or a write: disk full, read-only, no permission, out of handles."""

    exit_code = 4


class EmbedderError(RagError):
    """The embedder returned no usable vectors."""

    exit_code = 4
    retryable = True


class ModelError(RagError):
    """The language model returned no usable answer."""

    retryable = True


class PromptTooLongError(ModelError):
    """The prompt is longer than the model accepts."""

    retryable = False
