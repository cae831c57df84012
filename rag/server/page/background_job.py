"""Runs a task in a thread, so that its progress can be shown while it runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

from rag.errors import RagError
from rag.server.page.views.markup import error_markup

_log = logging.getLogger(__name__)

_POLL_S = 0.25
_FIRST_POLLS_S = (0.05,) * 5  # short at first, so that the outcome of a short task is shown quickly


class BackgroundJob:
    """A task that runs in its own thread.

    Attributes:
        outcome: The markup that the task returned or, if it failed, markup that shows the error; empty until the task ends.

    Example:
        >>> job = BackgroundJob(lambda: "done")
        >>> all(poll is None for poll in job.polls()), job.outcome
        (True, 'done')
    """

    def __init__(self, work: Callable[[], str]) -> None:
        self.outcome = ""
        self._work = work
        self._thread = threading.Thread(target=self._run, name="background-job")
        self._thread.start()

    def polls(self) -> Iterator[None]:
        """Yields None at short intervals until the task has ended."""
        first_polls = iter(_FIRST_POLLS_S)
        while self._thread.is_alive():
            self._thread.join(next(first_polls, _POLL_S))
            yield

    def _run(self) -> None:
        try:
            self.outcome = self._work()
        except RagError as error:
            self.outcome = error_markup(error)
        except OSError as error:
            self.outcome = error_markup(f"cannot read the file ({error.strerror})")
        except Exception as error:  # a bug in rag: show the visitor a message, and log the traceback
            _log.exception("work for the page failed")
            self.outcome = error_markup(internal_error(error))


def internal_error(error: Exception) -> str:
    """Returns the message to show for an error that was caused by a bug in rag."""
    return f"Internal error: {type(error).__name__}. See the server log for details, and please report this error."
