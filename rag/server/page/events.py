"""What the rooms of the page share: how events and texts are set, what the script says, work told of while it runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rag.errors import RagError
from rag.server.page.views.answer_view import one_line

_log = logging.getLogger(__name__)

Updates = dict[Any, Any]  # component → its new value; what is not in it stays as it is

FEEDBACK = "feedback.jsonl"  # in the index: answers that readers found wrong, as a test set
QUIET: Mapping[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
MARKUP: Mapping[str, Any] = {"latex_delimiters": [], "sanitize_html": True}
HIDDEN = ["behind"]  # a class: for the script alone, out of the way of who looks, tabs or listens
_LOOKED_S = 0.25  # how often work is looked at; at first more often
_FIRST_LOOKS_S = (0.05,) * 5


def command(word: str) -> tuple[str, int]:
    """What the script wrote: "retry 2 17", the last number only making each different."""
    act, _, rest = word.partition(" ")
    number = rest.split(" ")[0]
    return act, int(number) if number.isascii() and number.isdigit() and len(number) < 6 else -1


def about(words: str) -> str:
    """A line that says how something stands."""
    return f'<p class="about">{one_line(words)}</p>'


def problem(error: RagError | str) -> str:
    """A line that says what went wrong, and what to do."""
    words = f"{error}. {error.hint}" if isinstance(error, RagError) else error
    return f'<p class="flag">{one_line(words)}</p>'


class Aside:
    """Work in a thread of its own, so that how far it is can be told meanwhile.

    Attributes:
        outcome: What came of it: its own markup, or what went wrong; empty until it has ended.

    Example:
        >>> work = Aside(lambda: "done")
        >>> all(look is None for look in work.looks()), work.outcome
        (True, 'done')
    """

    def __init__(self, work: Callable[[], str]) -> None:
        self.outcome = ""
        self._work = work
        self._thread = threading.Thread(target=self._run, name="aside")
        self._thread.start()

    def looks(self) -> Iterator[None]:
        """Yields now and then until the work has ended."""
        soon = iter(_FIRST_LOOKS_S)
        while self._thread.is_alive():
            self._thread.join(next(soon, _LOOKED_S))
            yield

    def _run(self) -> None:
        try:
            self.outcome = self._work()
        except RagError as error:
            self.outcome = problem(error)
        except OSError as error:
            self.outcome = problem(f"it cannot be read ({error.strerror})")
        except Exception:  # a defect of ours: whoever waits is told, and the log has it
            _log.exception("work for the page failed")
            self.outcome = problem("rag failed; its log says how")
