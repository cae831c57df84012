"""A conversation in the terminal. The user types one question per line, and each answer is printed as it is written.

Ctrl-C stops the current answer but not the conversation. Ctrl-D, or the end of piped input, ends the conversation. The
conversation is not saved.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from rag.cli import rendering
from rag.cli.session import print_error
from rag.errors import RagError
from rag.records import Answer, AnswerDone, Filter, TextDelta, Turn

if TYPE_CHECKING:
    from rag.library import Library

_HELP = """Ask a question. Follow-up questions can refer to earlier questions and answers.
/new starts a new conversation, /passages lists the passages behind the last answer, /quit (or Ctrl-D) exits."""


class Chat:
    """A conversation in the terminal.

    Args:
        library: The library to ask.
        k: Number of passages to retrieve for each answer; None to use the `k` setting.
        filters: Filter for the documents to use; an empty filter selects all documents.
        note: Function that prints a line that is not part of an answer, such as a notice.
    """

    def __init__(self, library: Library, k: int | None, filters: Filter, note: Callable[[str], None]) -> None:
        self._library = library
        self._k = k
        self._filters = filters
        self._note = note
        self._turns: list[Turn] = []
        self._last: Answer | None = None
        self._is_terminal = sys.stdout.isatty()

    def run(self) -> None:
        """Reads and answers questions until the input ends."""
        if sys.stdin.isatty():
            with contextlib.suppress(ImportError):
                import readline  # noqa: F401  # once imported, it lets users edit the line that input() reads
            self._note(_HELP)
        while True:
            try:
                line = self._read_line()
            except KeyboardInterrupt:
                self._note("\nCtrl-D ends the conversation")
                continue
            if line is None or line.strip() in ("/quit", "/exit", "/bye"):
                return
            if line.strip():
                self._handle(line.strip())

    def _read_line(self) -> str | None:
        """Returns the next line, or None at the end of the input."""
        if not sys.stdin.isatty():
            return sys.stdin.readline() or None
        try:
            return input("\n› ")
        except EOFError:
            print()
            return None

    def _handle(self, line: str) -> None:
        """Runs a chat command such as `/new`, or answers a question."""
        if line == "/new":
            self._turns, self._last = [], None
            self._note("started a new conversation")
        elif line == "/passages":
            for n, hit in enumerate(self._last.hits if self._last else (), start=1):
                print(rendering.hit(n, hit))
        elif line.startswith("/"):
            self._note(_HELP)
        else:
            try:
                self._ask(line)
            except RagError as error:
                print_error(f"{error}. {error.hint}".strip())
        sys.stdout.flush()

    def _ask(self, question: str) -> None:
        live, text = rendering.LiveText(), ""
        events = self._library.stream(question, history=self._turns, k=self._k, filters=self._filters)
        try:
            for event in events:
                if isinstance(event, TextDelta):
                    text += event.text
                    if self._is_terminal:
                        print(live.feed(event.text), end="", flush=True)
                elif isinstance(event, AnswerDone):
                    print(live.flush(), end="")
                    self._last = event.answer
                    self._print_answer(event.answer)
                    text = event.answer.text
        except KeyboardInterrupt:
            self._note("\nanswer stopped")
        finally:
            events.close()  # also closes the connection to the model
        self._turns.append(Turn(question, text))

    def _print_answer(self, answer: Answer) -> None:
        print("" if self._is_terminal else rendering.plain(answer.text))
        if answer.searched:
            self._note(f"(understood as: {answer.searched})")
        self._note(answer.notice)
        for line in rendering.footnotes(answer, is_terminal=self._is_terminal):
            print(line)
