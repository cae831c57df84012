"""All errors that rag raises on purpose, each with a message and a hint for the user.

    RagError
    ├── MistakeError              a mistake in what the user provided             exit 1
    │   ├── QuestionError         empty, or too long
    │   ├── SettingsError         an unknown name, an invalid value, a host that was never accepted
    │   ├── ClosedError           the library was closed
    │   ├── SourceError           no such path, folder or document; or more than one
    │   ├── EmbedderChangedError  the index was built with another embedder
    │   └── SetError              a test set that cannot be used
    ├── ReadError                 a document could not be read; others continue   exit 3
    ├── IndexBusyError            another process holds a lock                    exit 4
    ├── IndexDamagedError         the catalog is damaged, or from a newer rag      exit 4
    ├── StorageError              the disk is full, read-only, or fails           exit 4
    ├── EmbedderError             an embeddings endpoint did not answer           exit 4
    └── ModelError                the model did not answer; rag quotes instead    (never ends a command)
        └── PromptTooLongError    the prompt was too long; it is shortened and sent again

Adapters translate their vendor's exceptions into these. No error carries a document's text or a key.
"""

from __future__ import annotations

from typing import ClassVar


class RagError(Exception):
    """Base class for all errors that rag raises on purpose.

    Attributes:
        hint: What the user can do about it; empty if there is nothing to do.
        retryable: Whether the same call may succeed later.
        exit_code: The exit code with which a command ends.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class MistakeError(RagError):
    """Something that the user provided cannot be used."""


class QuestionError(MistakeError):
    """The question is empty or longer than the limit."""


class SettingsError(MistakeError):
    """A setting has an unknown name or an impossible value, or names a host that was never accepted."""


class ClosedError(MistakeError):
    """A method of a closed library was called."""


class SourceError(MistakeError):
    """A path, folder or document does not exist, or a name is ambiguous."""


class EmbedderChangedError(MistakeError):
    """The index was built with a different embedder."""


class SetError(MistakeError):
    """A line in a test set is invalid; the message names the line."""


class ReadError(RagError):
    """A file could not be turned into text."""

    exit_code = 3


class IndexBusyError(RagError):
    """Another process holds the lock; the message names it."""

    exit_code = 4
    retryable = True


class IndexDamagedError(RagError):
    """The catalog failed its checks, or was written by a newer rag; nothing is answered from it."""

    exit_code = 4


class StorageError(RagError):
    """Reading or writing a file failed: the disk is full, read-only or broken, or a permission is missing."""

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
