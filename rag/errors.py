"""All errors that rag raises on purpose, each with a message and a hint for the user.

    RagError
    ├── MistakeError              a mistake in what the user provided             exit 1
    │   ├── QuestionError         the question is empty or too long
    │   ├── SettingsError         a setting is unknown or invalid, or names a host that was not accepted
    │   ├── ClosedError           the library was closed
    │   ├── SourceError           a path, folder or document does not exist, or a name is ambiguous
    │   ├── EmbedderChangedError  the index was built with another embedder
    │   └── SetError              a test set or an evaluation run cannot be used
    ├── ReadError                 a document could not be read; rag skips it      exit 3
    │   └── InterruptedReadError  reading was cut short; the next sync tries again
    ├── IndexBusyError            another process holds a lock                    exit 4
    ├── IndexDamagedError         the catalog is damaged, or from a newer rag     exit 4
    ├── StorageError              the disk is full, read-only, or fails           exit 4
    ├── EmbedderError             an embeddings endpoint did not answer           exit 4
    └── ModelError                the model did not answer; rag quotes documents  (never ends a command)
        └── PromptTooLongError    the prompt was too long; it is shortened and sent again

Adapters translate their vendor's exceptions into these errors. No error contains a document's text or an API key.
"""

from __future__ import annotations

from typing import ClassVar


class RagError(Exception):
    """Base class for all errors that rag raises on purpose.

    Attributes:
        hint: A suggestion for solving the problem; may be empty.
        retryable: Whether the same call may succeed later.
        exit_code: The exit code of a command that fails with this error.
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
    """A setting has an unknown name or an invalid value, or names a host that the user has not accepted."""


class ClosedError(MistakeError):
    """A method of a closed library was called."""


class SourceError(MistakeError):
    """A path, folder or document does not exist, or a name is ambiguous."""


class EmbedderChangedError(MistakeError):
    """The index was built with a different embedder."""


class SetError(MistakeError):
    """A test set, an evaluation run or a quality gate is invalid, or its file cannot be read or written."""


class ReadError(RagError):
    """A file could not be turned into text."""

    exit_code = 3


class InterruptedReadError(ReadError):
    """Reading a file was cut short from outside, for example because the machine ran out of memory."""

    retryable = True


class IndexBusyError(RagError):
    """Another process holds a lock on the index; the message names the process."""

    exit_code = 4
    retryable = True


class IndexDamagedError(RagError):
    """The catalog is damaged or was written by a newer version of rag, so rag does not use the index."""

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
