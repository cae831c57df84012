"""The room where questions are asked: conversation, sources beside it. Thin handlers.

All state that belongs to a reader is handed in and out; nothing of it is kept here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import secrets
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from rag.errors import RagError
from rag.library import Library
from rag.records import Answer, AnswerDone, Filter, SourcesFound
from rag.server.page import source_panel
from rag.server.page.conversation_list import KeptTalks, to_save
from rag.server.page.document_filter import Scope
from rag.server.page.events import FEEDBACK, HIDDEN, MARKUP, QUIET, Updates, command
from rag.server.page.views import answer_view, conversations
from rag.server.page.views.conversations import Exchange, Talk

_log = logging.getLogger(__name__)

AT_ONCE = 20  # questions answered side by side; more wait
_FIRST_DOCUMENTS_S = 10.0
_DRAWN_AFTER_S = 0.08  # an answer is drawn no more often: a drawing takes a browser some 20 ms

Messages = list[dict[str, str]]


class AskRoom:
    """Its handlers and components. Constructed within a `gr.Blocks`, it lays itself out.

    Args:
        library: What is asked.
        in_step: Set once its folder was looked at; until then a question to an empty library waits a while.
    """

    def __init__(self, library: Library, in_step: threading.Event | None = None) -> None:
        self._library = library
        self._in_step = in_step
        self._editing, self._parts, self._unfinished, self._rated = gr.State(0), gr.State([]), gr.State(None), gr.State(0)
        with gr.Row(elem_id="room"):
            self._kept = KeptTalks(f"rag-talks-{_digest(str(library.folder.resolve()))}")
            with gr.Column(scale=5, elem_id="conversation"):
                self._chat = gr.Chatbot(
                    show_label=False, label="Conversation", elem_id="chat", height="calc(100vh - 270px)", buttons=[],
                    layout="panel", render_markdown=True, allow_tags=False, placeholder=self._invitation(), **MARKUP,
                )  # fmt: skip
                with gr.Row(elem_id="asking"):
                    self._question = gr.Textbox(
                        "",
                        show_label=False, label="Question", placeholder="Ask your documents…", lines=1, max_lines=6,
                        scale=8, autofocus=True, elem_id="question", max_length=8000,
                    )  # fmt: skip
                    self._send = gr.Button("Ask", variant="primary", scale=0, min_width=72, elem_id="send")
                    self._stop = gr.Button("Stop", scale=0, min_width=72, elem_id="stop", visible=False)
                self._told = gr.Markdown("", elem_id="told", **MARKUP)
                self._scope = Scope(library)
                self._examples = gr.Markdown(self._questions(), elem_id="examples", **MARKUP)
                with gr.Column(visible=False, elem_id="feedback") as self._feedback:
                    self._expected = gr.Textbox(
                        "", label="What should it have said? Empty if the documents do not answer it.", elem_id="expected"
                    )
                    self._passage = gr.Textbox(
                        "", label="Which passage says so? (optional; its own words)", lines=2, elem_id="passage"
                    )
                    with gr.Row():
                        self._save = gr.Button("Save as a test question", size="sm", elem_id="save-feedback")
                        self._leave = gr.Button("Leave it", size="sm")
            with gr.Column(scale=4, elem_id="beside"):
                gr.Markdown(_BAR, elem_id="bar", **MARKUP)
                self._source = gr.Markdown("", elem_id="source", **MARKUP)
        gr.Markdown(_KEYS, elem_id="keys", **MARKUP)
        self._again, self._do = (
            gr.Textbox("", show_label=False, label="Do", elem_id=box, elem_classes=HIDDEN) for box in ("do-again", "do")
        )

    def wire(self, version: gr.State) -> None:
        """Connects its components.

        Args:
            version: The library's, as this page knows it.
        """
        talked = self._kept.talked
        outputs = [
            self._chat, self._source, self._question, self._parts, self._editing, self._told, self._unfinished,
            self._send, self._stop, self._feedback, self._rated, *self._kept.outputs,
        ]  # fmt: skip
        about = [talked, self._parts, *self._scope.inputs]
        asking: dict[str, Any] = {"concurrency_limit": AT_ONCE, "concurrency_id": "ask", **QUIET}
        asked = gr.on(
            [self._question.submit, self._send.click], self.ask, [self._question, self._editing, *about], outputs, **asking
        )
        again = self._again.change(self.ask_again, [self._again, *about], outputs, **asking)
        # Only when the answer has ended is the last of it there to be marked.
        self._stop.click(None, cancels=[asked, again], api_visibility="private").then(
            self.stopped, [self._unfinished, talked, self._parts], outputs, **QUIET
        )
        self._do.change(self.act, [self._do, talked], outputs, **QUIET)
        self._kept.wire(outputs, self.shown, self._editing, self._unfinished, [asked, again])
        self._scope.wire(version)
        version.change(self.refreshed, None, [self._chat, self._examples], **QUIET)
        feedback = [self._feedback, self._told, self._expected, self._passage]
        self._save.click(self.save_feedback, [self._rated, talked, self._expected, self._passage], feedback, **QUIET)
        self._leave.click(lambda: gr.Column(visible=False), None, self._feedback, **QUIET)

    def ask(self, question: str, editing: int, talked: Talk, parts: list[str], *scope: Any) -> Iterator[Updates]:
        """Answers in the conversation, as it is written; the sources stand beside it when they are checked.

        Args:
            question: The question.
            editing: The number of the exchange that it replaces, with all that follow; 0 for none.
            talked: The conversation so far.
            parts: What the panel of sources shows for each of its answers, the newest first.
            scope: What the documents asked are chosen by.
        """
        if not question.strip():
            return
        if editing:
            talked = talked.until(editing)
            parts = parts[len(parts) - len(talked.exchanges) :]
        if not talked.id:
            talked = Talk(secrets.token_hex(8), datetime.now(UTC).isoformat(timespec="seconds"))
        before = [*_messages(talked), _message("user", answer_view.asked(question))]
        exchange = Exchange(question, _unfinished(question, ""))
        yield {
            self._chat: [*before, _message("assistant", "…")],
            self._question: "",
            self._kept.talked: talked,
            self._parts: parts,
            self._editing: 0,
            self._told: "",
            self._unfinished: exchange,
            **self._busy(True),
        }
        try:
            filters = self._scope.filters(*scope)
            with contextlib.closing(self._drawn(question, talked, filters)) as events:  # the model stops with the reader
                for drawn in events:
                    if isinstance(drawn, Answer):
                        exchange = replace(exchange, answer=drawn)
                        continue
                    shown, said = drawn
                    exchange = replace(exchange, answer=_unfinished(question, said))
                    yield {self._chat: [*before, _message("assistant", shown)], self._unfinished: exchange}
        except RagError as error:
            exchange = Exchange(question, problem=f"{error}. {error.hint}".strip())
        except Exception:  # a defect of ours: the conversation goes on, and the log has it
            _log.exception("a question could not be answered")
            exchange = Exchange(question, problem="This could not be answered: rag failed. Its log says how.")
        yield self._with(exchange, talked, parts)

    def _with(self, exchange: Exchange, talked: Talk, parts: list[str]) -> Updates:
        """The conversation with one exchange more, which has ended."""
        talked = talked.with_exchange(exchange)
        parts = [source_panel.part(self._library, len(talked.exchanges), exchange), *parts]
        kept = self._kept.now(talked, talked)
        return {**self._conversation(talked, parts), **kept, self._unfinished: None, **self._busy(False)}

    def _conversation(self, talked: Talk, parts: list[str]) -> Updates:
        return {self._chat: _messages(talked), self._source: "".join(parts), self._parts: parts}

    def _busy(self, is_busy: bool) -> Updates:
        """The buttons to ask and to stop: one of them is there."""
        return {self._send: gr.Button(visible=not is_busy), self._stop: gr.Button(visible=is_busy)}

    def _drawn(self, question: str, talked: Talk, filters: Filter | None) -> Generator[tuple[str, str] | Answer]:
        """What is shown while an answer is written and what was said so far, now and then; then the answer."""
        said, shown, last = "", "…", time.monotonic()
        self._wait_for_documents()
        events = self._library.stream(question, history=talked.turns, filters=filters)
        try:
            for event in events:
                if isinstance(event, AnswerDone):
                    yield event.answer
                    return
                if isinstance(event, SourcesFound):
                    shown = answer_view.reading(dict.fromkeys(hit.title for hit in event.hits[:5]))
                else:
                    said += event.text
                    shown = answer_view.writing(said) if said else shown
                # A model thinks after that; what is quoted follows at once, and is drawn with its sources.
                is_pause = isinstance(event, SourcesFound) and self._library.chat_model is not None
                if is_pause or time.monotonic() - last > _DRAWN_AFTER_S:
                    yield shown, said
                    last = time.monotonic()
        finally:
            events.close()

    def _wait_for_documents(self) -> None:
        """Whoever asks while the first documents are being taken in is answered from them."""
        until = time.monotonic() + _FIRST_DOCUMENTS_S
        while self._in_step is not None and self._library.is_empty() and time.monotonic() < until:
            if self._in_step.wait(0.1):
                return

    def ask_again(self, word: str, talked: Talk, parts: list[str], *scope: Any) -> Iterator[Updates]:
        """Answers the question of an exchange anew, "retry 2 …", and drops what followed it."""
        _, turn = command(word)
        if 1 <= turn <= len(talked.exchanges):
            yield from self.ask(talked.exchanges[turn - 1].question, turn, talked, parts, *scope)

    def act(self, word: str, talked: Talk) -> Updates:
        """Does what a button of an answer asks for: "edit 2 …", "copy", "good" and "bad" alike."""
        act, turn = command(word)
        if not 1 <= turn <= len(talked.exchanges):
            return {self._told: gr.skip()}
        exchange = talked.exchanges[turn - 1]
        if act == "edit":
            note = f"editing question {turn}: what follows it is answered anew" if turn < len(talked.exchanges) else ""
            return {self._question: exchange.question, self._editing: turn, self._told: answer_view.escaped(note)}
        if act in ("good", "bad"):
            rated = talked.rated(turn, act)
            return {
                **self._kept.now(rated, rated),
                self._told: "thank you" if act == "good" else "",
                self._feedback: gr.Column(visible=act == "bad"),
                self._rated: turn,
            }
        copied = to_save("", conversations.exchange_as_markdown(exchange))
        return {self._kept.saved: copied if act == "copy" else gr.skip()}

    def save_feedback(self, turn: int, talked: Talk, expected: str, passage: str) -> Updates:
        """Keeps a question whose answer was wrong as a row of a test set."""
        ended = {self._feedback: gr.Column(visible=False), self._expected: "", self._passage: ""}
        if not 1 <= turn <= len(talked.exchanges):
            return ended
        exchange = talked.exchanges[turn - 1]
        source = self._source_of(passage, exchange.answer)
        if passage.strip() and not source:
            return {self._told: answer_view.escaped("these words are in none of the documents that were found")}
        row = conversations.test_row(exchange, f"page-{secrets.token_hex(4)}", expected.strip(), passage.strip(), source)
        path = self._library.folder / FEEDBACK
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        return ended | {self._told: answer_view.escaped(f"saved as a question of {path}")}

    def _source_of(self, passage: str, answer: Answer | None) -> str:
        """The document that holds a passage, among those that were found."""
        words = passage.strip()
        for source in dict.fromkeys(hit.source for hit in answer.hits) if answer and words else ():
            try:
                if words in self._library.document(source).text:
                    return source
            except RagError:
                continue  # it was deleted meanwhile
        return ""

    def stopped(self, unfinished: Exchange | None, talked: Talk, parts: list[str]) -> Updates:
        """The conversation after Stop: what was not finished says that it was not checked."""
        return self._busy(False) if unfinished is None else self._with(unfinished, talked, parts)

    def shown(self, talked: Talk, editing: int) -> Updates:
        """A conversation as it was, with what became of its sources since; an empty one is a new one.

        Args:
            talked: The conversation.
            editing: The number of the exchange that was being edited before, 0 for none. What else stands in the box for
                questions was typed for this conversation, or is kept for it.
        """
        return {
            **self._conversation(talked, source_panel.parts(self._library, talked)),
            **self._busy(False),
            **({self._question: "", self._editing: 0} if editing else {}),
            self._told: "",
            self._unfinished: None,
            self._feedback: gr.Column(visible=False),
        }

    def refreshed(self) -> Updates:
        """What an empty conversation says, and questions to begin with, as the documents are now."""
        return {self._chat: gr.Chatbot(placeholder=self._invitation()), self._examples: self._questions()}

    def _questions(self) -> str:
        """Questions to begin with, about the first document and about all; without documents, how to come by some."""
        first = next((info for info in self._library.documents() if info.state != "failed"), None)
        if first is None:
            return answer_view.FIRST_STEPS
        return answer_view.examples([f"What does “{first.title or first.source}” say?", "What is in these documents?"])

    def _invitation(self) -> str:
        return "No documents here yet" if self._library.is_empty() else "Ask your documents"


_BAR = (
    '<div class="bar"><button class="act" type="button" id="previous" title="Previous citation ([)">‹</button>'
    '<span id="which"></span><button class="act" type="button" id="next" title="Next citation (])">›</button>'
    '<button class="act" type="button" id="close" title="Close the source (Esc)">✕</button></div>'
)


_KEYS = (
    "<ul><li><b>/</b> ask</li><li><b>Enter</b> send, <b>Shift+Enter</b> new line</li>"
    "<li><b>Esc</b> stop, close the source</li><li><b>[</b> <b>]</b> previous and next citation</li>"
    "<li><b>Alt+N</b> new conversation</li><li><b>?</b> these keys</li></ul>"
)


def _digest(folder: str) -> str:
    return hashlib.sha256(folder.encode()).hexdigest()[:16]  # the page's source tells no path of the machine


def _messages(talked: Talk) -> Messages:
    messages = []
    for turn, one in enumerate(talked.exchanges, start=1):
        given = answer_view.problem(one.problem)
        if one.answer is not None:
            given = answer_view.answer(turn, one.answer)
        messages += [_message("user", answer_view.asked(one.question)), _message("assistant", given)]
    return messages


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _unfinished(question: str, said: str) -> Answer:
    return Answer(question, said, "incomplete", (), (), (), 0.0, "", "stopped before it was checked")
