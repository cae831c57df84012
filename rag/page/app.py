"""The page's wiring: Gradio components and thin handlers. The home of gradio."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
import gradio as gr

from rag.answer import Finished, Sources
from rag.errors import RagError
from rag.library import Library
from rag.page import show
from rag.records import Answer, Citation, Turn

_log = logging.getLogger(__name__)
_HERE = Path(__file__).parent
_AT_ONCE = 20  # questions answered side by side; more wait
_WAITING = 64  # questions that may wait; one more is refused at once
_FIRST_DOCUMENTS_S = 10.0
_DRAWN_AFTER_S = 0.08  # an answer is drawn no more often: a drawing takes a browser some 20 ms
_EXAMPLE = "What did India raise with Sun Weidong?"

Messages = list[dict[str, str]]


def head() -> str:
    """What the page adds to its head: one small script."""
    return f"<script>{(_HERE / 'page.js').read_text(encoding='utf-8')}</script>"


def build(library: Library, in_step: threading.Event | None = None) -> gr.Blocks:
    """The page over one library.

    Args:
        library: What is asked.
        in_step: Set once its folder was looked at; until then a question to an empty library waits a while.
    """
    room = _Room(library, in_step)
    with gr.Blocks(title="rag", analytics_enabled=False, delete_cache=(3600, 86400)) as page:
        # What is shown is kept here too: else a browser would send the whole conversation with each question.
        messages = gr.State([])
        turns = gr.State([])
        panel_parts = gr.State([])
        names = ", ".join(info.title or info.source for info in library.documents()[:1])
        gr.Markdown(f"# rag\n\n{show.where_data_goes(library.settings.remote_addresses())}", elem_id="head")
        with gr.Row(elem_id="room"):
            with gr.Column(scale=5, elem_id="conversation"):
                chat = gr.Chatbot(
                    show_label=False, elem_id="chat", height="62vh", buttons=[], layout="panel",
                    render_markdown=True, latex_delimiters=[], sanitize_html=True, allow_tags=False,
                    placeholder=f"Ask your documents{': ' + show.escaped(names) if names else ''}",
                )  # fmt: skip
                with gr.Row(elem_id="asking"):
                    question = gr.Textbox(
                        show_label=False, label="Question", placeholder="Ask your documents…", lines=1, max_lines=6,
                        scale=8, autofocus=True, elem_id="question", max_length=8000,
                    )  # fmt: skip
                    send = gr.Button("Ask", variant="primary", scale=0, min_width=72, elem_id="send")
                    stop = gr.Button("Stop", scale=0, min_width=72, elem_id="stop")
                gr.Examples([_EXAMPLE], inputs=question, label="For example")
            with gr.Column(scale=4, elem_id="beside"):
                source = gr.Markdown("", elem_id="source", latex_delimiters=[], sanitize_html=True)
                with gr.Accordion("Documents", open=True, elem_id="documents"):
                    listed = gr.Markdown(room.list_documents(), latex_delimiters=[], sanitize_html=True)
        outputs = [chat, source, question, messages, turns, panel_parts]
        asking: dict[str, Any] = {"concurrency_limit": _AT_ONCE, "api_visibility": "private", "show_progress": "hidden"}
        asked = [
            gr.on([question.submit, send.click], room.ask, [question, messages, turns, panel_parts], outputs, **asking)
        ]  # fmt: skip
        # Only when the answer has ended is the last of it there to be marked.
        ended = stop.click(None, cancels=asked, api_visibility="private")
        ended.then(room.stopped, messages, [chat, messages], api_visibility="private", show_progress="hidden")
        page.load(room.list_documents, None, listed, api_visibility="private", show_progress="hidden")
        asked[0].then(room.list_documents, None, listed, api_visibility="private", show_progress="hidden")
    page.queue(max_size=_WAITING, default_concurrency_limit=_AT_ONCE)
    return page


class _Room:
    """The handlers. All state that belongs to a reader is handed in and out; nothing of it is kept here."""

    def __init__(self, library: Library, in_step: threading.Event | None = None) -> None:
        self._library = library
        self._in_step = in_step
        self._listed = (-1, "")  # the version of the library that was listed last, and the list

    def ask(self, question: str, messages: Messages, turns: list[Turn], parts: list[str]) -> Iterator[Any]:
        """Answers in the conversation, as it is written; the sources stand beside it when they are checked."""
        if not question.strip():
            yield gr.skip()
            return
        same = gr.skip()  # what stays as it is is neither sent nor drawn again
        messages = [*messages, _message("user", f"**{show.escaped(question)}**"), _message("assistant", "…")]
        yield messages, same, "", messages, same, same
        said, shown, drawn = "", "…", time.monotonic()
        self._wait_for_documents()
        events = self._library.stream(question, history=turns)
        try:
            for event in events:
                if isinstance(event, Finished):
                    turn = len(turns) + 1
                    messages = [*messages[:-1], _message("assistant", show.answer(turn, event.answer))]
                    parts = [*([self._sources(turn, event.answer)] if event.answer.citations else []), *parts]
                    turns = [*turns, Turn(question, event.answer.text)]
                    yield messages, "\n\n---\n\n".join(parts), same, messages, turns, parts
                    return
                if isinstance(event, Sources):
                    names = ", ".join(dict.fromkeys(hit.title for hit in event.hits[:5]))
                    shown = f"<span class='about'>reading {show.escaped(names)}…</span>"
                else:
                    said += event.text
                    shown = show.writing(said) if said else shown
                if time.monotonic() - drawn > _DRAWN_AFTER_S:
                    messages = [*messages[:-1], _message("assistant", shown)]
                    yield messages, same, same, messages, same, same
                    drawn = time.monotonic()
        except RagError as error:
            messages = [*messages[:-1], _message("assistant", show.escaped(f"{error}. {error.hint}".strip()))]
            yield messages, same, same, messages, same, same
        finally:
            events.close()  # stops the model when the reader stops or leaves

    def _wait_for_documents(self) -> None:
        """Whoever asks while the first documents are being taken in is answered from them."""
        until = time.monotonic() + _FIRST_DOCUMENTS_S
        while self._in_step is not None and self._library.is_empty() and time.monotonic() < until:
            if self._in_step.wait(0.1):
                return

    @staticmethod
    def stopped(messages: Messages) -> tuple[Messages, Messages]:
        """The conversation after Stop, shown and kept: what was not finished says that it was not checked."""
        if messages and not show.is_whole(messages[-1]["content"]):
            messages = [*messages[:-1], _message("assistant", show.unfinished(messages[-1]["content"]))]
        return messages, messages

    def list_documents(self) -> str:
        """The document list as it is now; made anew only when something was written since."""
        version = self._library.version()
        if self._listed[0] != version:
            self._listed = (version, show.documents(self._library.documents()))
        return self._listed[1]

    def _sources(self, turn: int, answer: Answer) -> str:
        """The panel's part for one answer."""
        cited: dict[int, list[Citation]] = {}
        for citation in answer.citations:
            cited.setdefault(citation.document_id, []).append(citation)
        return show.sources(turn, [(self._library.document_by_id(id_), citations) for id_, citations in cited.items()])


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def stylesheet() -> Path:
    """The page's own stylesheet."""
    return _HERE / "style.css"


def theme() -> gr.themes.Base:
    """System fonts, one accent; nothing is fetched."""
    return gr.themes.Base(
        primary_hue="slate", neutral_hue="gray", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    )
