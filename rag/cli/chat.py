"""A conversation in the terminal: one question a line, answered as it is written, follow-ups understood.

Ctrl-C stops an answer and not the conversation; Ctrl-D, or the end of what is piped in, ends it. Nothing is saved.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable

from rag.cli import rendering
from rag.errors import RagError
from rag.library import Library
from rag.records import Answer, AnswerDone, Filter, TextDelta, Turn

_HELP = """Ask in your own words; a follow-up may lean on what was said before.
/new begins a new conversation, /passages shows what the last answer was chosen from, /quit (or Ctrl-D) ends."""


class Chat:
    """One conversation.

    Args:
        library: Who is asked.
        k: Passages an answer may rest on.
        filters: Which documents are asked.
        say: Prints a line that is no answer.
    """

    def __init__(self, library: Library, k: int | None, filters: Filter, say: Callable[[str], None]) -> None:
        self._library = library
        self._k = k
        self._filters = filters
        self._say = say
        self._turns: list[Turn] = []
        self._last: Answer | None = None
        self._live = sys.stdout.isatty()

    def run(self) -> None:
        """Talks until the other side ends it."""
        if sys.stdin.isatty():
            with contextlib.suppress(ImportError):
                import readline  # noqa: F401  # its import gives the line its editing
            self._say(_HELP)
        while True:
            try:
                line = self._line()
            except KeyboardInterrupt:
                self._say("\nCtrl-D ends")
                continue
            if line is None or line.strip() in ("/quit", "/exit", "/bye"):
                return
            if line.strip():
                self._answered(line.strip())

    def _line(self) -> str | None:
        """The next line; None at the end."""
        if not sys.stdin.isatty():
            return sys.stdin.readline() or None
        try:
            return input("\n› ")
        except EOFError:
            print()
            return None

    def _answered(self, line: str) -> None:
        if line == "/new":
            self._turns, self._last = [], None
            self._say("a new conversation")
        elif line == "/passages":
            for n, hit in enumerate(self._last.hits if self._last else (), start=1):
                print(rendering.hit(n, hit))
        elif line.startswith("/"):
            self._say(_HELP)
        else:
            try:
                self._ask(line)
            except RagError as error:
                self._say(f"{error}. {error.hint}".strip())
        sys.stdout.flush()

    def _ask(self, question: str) -> None:
        printer, said = rendering.Live(), ""
        events = self._library.stream(question, history=self._turns, k=self._k, filters=self._filters)
        try:
            for event in events:
                if isinstance(event, TextDelta):
                    said += event.text
                    if self._live:
                        print(printer.shown(event.text), end="", flush=True)
                elif isinstance(event, AnswerDone):
                    print(printer.rest(), end="")
                    self._last = event.answer
                    self._show(event.answer)
                    said = event.answer.text
        except KeyboardInterrupt:
            self._say("\nstopped")
        finally:
            events.close()  # which drops the connection to the model
        self._turns.append(Turn(question, said))

    def _show(self, answer: Answer) -> None:
        print("" if self._live else rendering.plain(answer.text))
        if answer.searched:
            self._say(f"(understood as: {answer.searched})")
        self._say(answer.notice)
        for line in rendering.footnotes(answer, with_claims=self._live):
            print(line)
