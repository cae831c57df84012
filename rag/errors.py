"""Everything that can go wrong, in words for the person who meets it.

    RagError
    ├── MistakeError              the user's to mend                              exit 1
    │   ├── QuestionError         empty, or too long
    │   ├── SettingsError         an unknown name, an impossible value, an address that is not trusted yet
    │   ├── ClosedError           the library was closed
    │   ├── SourceError           no such path, folder or document; or more than one
    │   ├── EmbedderChangedError  the index was built with another embedder
    │   └── SetError              a test set that cannot be used as it stands
    ├── ReadError                 one document could not be read; the others go on   exit 3
    ├── IndexBusyError            another process holds what this one needs       exit 4
    ├── IndexDamagedError         the catalog is not whole, or from a newer rag    exit 4
    ├── StorageError              the disk is full, read-only, or fails           exit 4
    ├── EmbedderError             an embeddings endpoint did not answer           exit 4
    └── ModelError                the model did not answer; extraction takes over    (never ends a command)
        └── PromptTooLongError    the model takes less text than it was given; it is asked again with less

Adapters translate their vendor's exceptions into these at their border. No error here carries a document's text or a key.
"""

from __future__ import annotations

from typing import ClassVar


class RagError(Exception):
    """Any failure rag reports on purpose.

    Attributes:
        hint: What the person can do about it, one sentence; empty when there is nothing.
        retryable: The same call may succeed later without a change.
        exit_code: What the command line returns.
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
    """A setting has an unknown name, an impossible value, or is not trusted yet."""


class ClosedError(MistakeError):
    """A method of a closed library was called."""


class SourceError(MistakeError):
    """A path, folder or document is not there, or the name fits more than one."""


class EmbedderChangedError(MistakeError):
    """The index holds vectors of another embedder."""


class SetError(MistakeError):
    """A test set has a line that cannot be used; the message names it."""


class ReadError(RagError):
    """One document's bytes could not be turned into text."""

    exit_code = 3


class IndexBusyError(RagError):
    """Another process holds the lock; the message names it."""

    exit_code = 4
    retryable = True


class IndexDamagedError(RagError):
    """The catalog failed its own checks, or was written by a newer rag; nothing was answered from it."""

    exit_code = 4


class StorageError(RagError):
    """The file system refused a read or a write: full, read-only, no permission, out of handles."""

    exit_code = 4


class EmbedderError(RagError):
    """The embedder gave no usable vectors."""

    exit_code = 4
    retryable = True


class ModelError(RagError):
    """The language model gave no usable answer."""

    retryable = True


class PromptTooLongError(ModelError):
    """The question with its passages is more than the model takes."""

    retryable = False
