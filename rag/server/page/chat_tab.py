"""The Ask tab, which contains the conversation, the question box, and the sources next to the answers.

The tab itself stores no state: Gradio passes a visitor's state to each handler, and the handler returns the new state.
"""

from __future__ import annotations

import contextlib
import hashlib
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
from rag.server.page.background_job import internal_error
from rag.server.page.conversation_list import ConversationList
from rag.server.page.document_filter import DocumentFilter
from rag.server.page.feedback_form import FeedbackForm
from rag.server.page.gradio_options import HIDDEN, MARKUP, QUIET, Updates
from rag.server.page.script import parse_command, save_message
from rag.server.page.views import answer_view, conversations
from rag.server.page.views.conversations import Conversation, Exchange
from rag.server.page.views.markup import escaped

_log = logging.getLogger(__name__)

CONCURRENT_QUESTIONS = 20  # how many questions are answered at the same time; further questions wait
_FIRST_DOCUMENTS_S = 10.0  # how long a question waits for the first documents if the library is empty
_REDRAW_S = 0.08  # minimum time between updates of an answer; a browser takes about 20 ms to draw an update

ChatMessages = list[dict[str, str]]


class ChatTab:
    """The tab's components and event handlers. Must be constructed inside a `gr.Blocks` context.

    Args:
        library: The library that answers questions.
        first_sync: An event that is set once the library's folder has been synced. Until then, a question that is
            asked while the library is empty waits briefly for the first documents.
    """

    def __init__(self, library: Library, first_sync: threading.Event | None = None) -> None:
        self._library = library
        self._first_sync = first_sync
        self._editing = gr.State(0)  # the number of the exchange being edited; 0 if no exchange is being edited
        self._sources = gr.State([])  # the source panel's markup for each answer, newest first
        self._unfinished = gr.State(None)  # the exchange being answered; None if no question is being answered
        with gr.Row(elem_id="room"):
            self._conversations = ConversationList(f"rag-talks-{_digest(str(library.folder.resolve()))}")
            with gr.Column(scale=5, elem_id="conversation"):
                self._chat = gr.Chatbot(
                    show_label=False,
                    label="Conversation",
                    elem_id="chat",
                    height="calc(100vh - 270px)",
                    buttons=[],
                    layout="panel",
                    render_markdown=True,
                    allow_tags=False,
                    placeholder=self._placeholder(),
                    **MARKUP,
                )
                with gr.Row(elem_id="asking"):
                    self._question = gr.Textbox(
                        "",
                        show_label=False,
                        label="Question",
                        placeholder="Ask about your documents…",
                        lines=1,
                        max_lines=6,
                        scale=8,
                        autofocus=True,
                        elem_id="question",
                        max_length=8000,
                    )
                    self._send = gr.Button("Ask", variant="primary", scale=0, min_width=72, elem_id="send")
                    self._stop = gr.Button("Stop", scale=0, min_width=72, elem_id="stop", visible=False)
                self._note = gr.Markdown("", elem_id="told", **MARKUP)
                self._filter = DocumentFilter(library)
                self._examples = gr.Markdown(self._examples_markup(), elem_id="examples", **MARKUP)
                self._feedback = FeedbackForm(library)
            with gr.Column(scale=4, elem_id="beside"):
                gr.Markdown(_SOURCE_BAR, elem_id="bar", **MARKUP)
                self._panel = gr.Markdown("", elem_id="source", **MARKUP)
        gr.Markdown(_SHORTCUTS, elem_id="keys", **MARKUP)
        self._retry_command, self._command = (
            gr.Textbox("", show_label=False, label="Command", elem_id=elem_id, elem_classes=HIDDEN)
            for elem_id in ("do-again", "do")
        )

    def wire(self, version: gr.State) -> None:
        """Connects the components to their event handlers.

        Args:
            version: State that holds the latest version of the library that this page has seen.
        """
        conversation = self._conversations.conversation
        outputs = [
            self._chat, self._panel, self._question, self._sources, self._editing, self._note, self._unfinished,
            self._send, self._stop, *self._feedback.outputs, *self._conversations.outputs,
        ]  # fmt: skip
        context = [conversation, self._sources, *self._filter.inputs]
        limits: dict[str, Any] = {"concurrency_limit": CONCURRENT_QUESTIONS, "concurrency_id": "ask", **QUIET}
        asking = gr.on(
            [self._question.submit, self._send.click],
            self.ask,
            [self._question, self._editing, *context],
            outputs,
            **limits,
        )
        retrying = self._retry_command.change(self.retry, [self._retry_command, *context], outputs, **limits)
        # `stop` runs in a second event, because the text is final only once the first event has cancelled the answer.
        self._stop.click(None, cancels=[asking, retrying], api_visibility="private").then(
            self.stop, [self._unfinished, conversation, self._sources], outputs, **QUIET
        )
        self._command.change(self.act, [self._command, conversation], outputs, **QUIET)
        self._conversations.wire(outputs, self.show, self._editing, self._unfinished, [asking, retrying])
        self._filter.wire(version)
        version.change(self.refresh, None, [self._chat, self._examples], **QUIET)
        self._feedback.wire(conversation, self._note)

    def ask(
        self, question: str, editing: int, conversation: Conversation, sources: list[str], *filter_inputs: Any
    ) -> Iterator[Updates]:
        """Answers a question. Yields the answer while it is being written and, finally, with its citations checked.

        Args:
            question: The question.
            editing: The number of the exchange whose question was edited; 0 if the question is new. An edited exchange is
                removed, together with all later exchanges.
            conversation: The conversation so far.
            sources: The source panel's markup for each answer in the conversation, newest first.
            filter_inputs: The values of the document filter's components.
        """
        if not question.strip():
            return
        if editing:
            conversation = conversation.before(editing)
            sources = sources[len(sources) - len(conversation.exchanges) :]
        if not conversation.id:
            conversation = Conversation(secrets.token_hex(8), datetime.now(UTC).isoformat(timespec="seconds"))
        before = [*_messages(conversation), _message("user", answer_view.question_markup(question))]
        exchange = Exchange(question, _unfinished_answer(question, ""))
        yield {
            self._chat: [*before, _message("assistant", "…")],
            self._unfinished: exchange,
            self._question: "",
            self._conversations.conversation: conversation,
            self._sources: sources,
            self._editing: 0,
            self._note: "",
            **self._buttons(is_answering=True),
        }
        try:
            filters = self._filter.filters(*filter_inputs)
            # `closing` ensures that the model stops writing when the visitor leaves the page.
            with contextlib.closing(self._stream(question, conversation, filters)) as drawings:
                for drawing in drawings:
                    if isinstance(drawing, Answer):
                        exchange = replace(exchange, answer=drawing)
                        continue
                    markup, text = drawing
                    exchange = replace(exchange, answer=_unfinished_answer(question, text))
                    yield {self._chat: [*before, _message("assistant", markup)], self._unfinished: exchange}
        except RagError as error:
            exchange = Exchange(question, problem=f"{error}. {error.hint}".strip())
        except Exception as error:  # a bug in rag: log the traceback, but let the conversation continue
            _log.exception("a question could not be answered")
            exchange = Exchange(question, problem=internal_error(error))
        yield self._finished(exchange, conversation, sources)

    def _finished(self, exchange: Exchange, conversation: Conversation, sources: list[str]) -> Updates:
        """Returns the updates that append a finished exchange to the conversation."""
        conversation = conversation.with_exchange(exchange)
        sources = [source_panel.exchange_sources(self._library, len(conversation.exchanges), exchange), *sources]
        return {
            **self._conversation(conversation, sources),
            **self._conversations.update(conversation, store=conversation),
            self._unfinished: None,
            **self._buttons(is_answering=False),
        }

    def _conversation(self, conversation: Conversation, sources: list[str]) -> Updates:
        return {self._chat: _messages(conversation), self._panel: "".join(sources), self._sources: sources}

    def _buttons(self, *, is_answering: bool) -> Updates:
        return {self._send: gr.Button(visible=not is_answering), self._stop: gr.Button(visible=is_answering)}

    def _stream(
        self, question: str, conversation: Conversation, filters: Filter | None
    ) -> Generator[tuple[str, str] | Answer]:
        """Yields (markup, text so far) at intervals while an answer is being written, and finally the complete answer."""
        text, markup, last_s = "", "…", time.monotonic()
        self._wait_for_documents()
        with contextlib.closing(self._library.stream(question, history=conversation.turns, filters=filters)) as events:
            for event in events:
                if isinstance(event, AnswerDone):
                    yield event.answer
                    return
                if isinstance(event, SourcesFound):
                    markup = answer_view.reading_markup(dict.fromkeys(hit.title for hit in event.hits[:5]))
                else:
                    text += event.text
                    markup = answer_view.partial_answer_markup(text) if text else markup
                # A model takes time to answer, so show the sources first. Without a model, the answer follows immediately,
                # so draw only once.
                is_pause = isinstance(event, SourcesFound) and self._library.chat_model is not None
                if is_pause or time.monotonic() - last_s > _REDRAW_S:
                    yield markup, text
                    last_s = time.monotonic()

    def _wait_for_documents(self) -> None:
        """If the library is empty, waits a short time for the first documents to be added."""
        until_s = time.monotonic() + _FIRST_DOCUMENTS_S
        while self._first_sync is not None and self._library.is_empty() and time.monotonic() < until_s:
            if self._first_sync.wait(0.1):
                return

    def retry(self, command: str, conversation: Conversation, sources: list[str], *filter_inputs: Any) -> Iterator[Updates]:
        """Answers an exchange's question again (command "retry 2"), and removes all later exchanges."""
        _, turn = parse_command(command)
        if 1 <= turn <= len(conversation.exchanges):
            yield from self.ask(conversation.exchanges[turn - 1].question, turn, conversation, sources, *filter_inputs)

    def act(self, command: str, conversation: Conversation) -> Updates:
        """Performs the action of a button below an answer (command "edit 2", "copy 2", "good 2" or "bad 2")."""
        action, turn = parse_command(command)
        if not 1 <= turn <= len(conversation.exchanges):
            return {self._note: gr.skip()}
        exchange = conversation.exchanges[turn - 1]
        if action == "edit":
            has_later = turn < len(conversation.exchanges)
            note = f"Editing question {turn}: sending it removes all later questions and answers." if has_later else ""
            return {self._question: exchange.question, self._editing: turn, self._note: escaped(note)}
        if action in ("good", "bad"):
            rated = conversation.with_rating(turn, action)
            form = self._feedback.opened(turn) if action == "bad" else self._feedback.closed()
            note = "Thank you for your feedback." if action == "good" else ""
            return {**self._conversations.update(rated, store=rated), **form, self._note: note}
        copied = save_message("", conversations.exchange_as_markdown(exchange))
        return {self._conversations.script_message: copied if action == "copy" else gr.skip()}

    def stop(self, unfinished: Exchange | None, conversation: Conversation, sources: list[str]) -> Updates:
        """Ends an answer after the user has pressed Stop. Its text so far is kept and marked as unchecked."""
        if unfinished is None:
            return self._buttons(is_answering=False)
        return self._finished(unfinished, conversation, sources)

    def show(self, conversation: Conversation, editing: int) -> Updates:
        """Shows a stored or new conversation next to the current versions of its sources.

        Args:
            conversation: The conversation.
            editing: The number of the exchange that was being edited; 0 if no question was being edited. If it is not 0,
                the question box is cleared.
        """
        return {
            **self._conversation(conversation, source_panel.conversation_sources(self._library, conversation)),
            **self._buttons(is_answering=False),
            **({self._question: "", self._editing: 0} if editing else {}),
            self._note: "",
            self._unfinished: None,
            **self._feedback.closed(),
        }

    def refresh(self) -> Updates:
        """Returns the updates that adapt the placeholder and the example questions to the current documents."""
        return {self._chat: gr.Chatbot(placeholder=self._placeholder()), self._examples: self._examples_markup()}

    def _examples_markup(self) -> str:
        """Returns example questions about the documents or, if there are no documents, buttons for adding some."""
        first = next((info for info in self._library.documents() if info.state != "failed"), None)
        if first is None:
            return answer_view.FIRST_STEPS
        title = first.title or first.source
        return answer_view.examples_markup([f"What does “{title}” say?", "What is in these documents?"])

    def _placeholder(self) -> str:
        if self._library.is_empty():
            return "No documents yet"
        return "Ask about your documents. Every answer shows its sources."


_SOURCE_BAR = (
    '<div class="bar"><button class="act" type="button" id="previous" title="Previous citation ([)">‹</button>'
    '<span id="which"></span><button class="act" type="button" id="next" title="Next citation (])">›</button>'
    '<button class="act" type="button" id="close" title="Close the source (Esc)">✕</button></div>'
)

_SHORTCUTS = (
    "<ul><li><b>/</b> go to the question box</li><li><b>Enter</b> send, <b>Shift+Enter</b> new line</li>"
    "<li><b>Esc</b> stop the answer, or close the source</li><li><b>[</b> <b>]</b> previous and next citation</li>"
    "<li><b>Alt+N</b> new conversation</li><li><b>?</b> show or hide this list</li></ul>"
)


def _digest(folder: str) -> str:
    # Use a hash, because the page must not reveal folder paths.
    return hashlib.sha256(folder.encode()).hexdigest()[:16]


def _messages(conversation: Conversation) -> ChatMessages:
    messages = []
    for turn, exchange in enumerate(conversation.exchanges, start=1):
        answer = answer_view.failure_markup(exchange.problem)
        if exchange.answer is not None:
            answer = answer_view.answer_markup(turn, exchange.answer)
        question = answer_view.question_markup(exchange.question)
        messages += [_message("user", question), _message("assistant", answer)]
    return messages


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _unfinished_answer(question: str, text: str) -> Answer:
    return Answer(
        question=question,
        text=text,
        status="incomplete",
        citations=(),
        flags=(),
        hits=(),
        evidence=0.0,
        model="",
        notice="stopped before the answer was checked",
    )
