"""The conversations that a browser keeps: begun, opened, renamed, exported, deleted. Thin handlers.

The script of the page has them, each under a key of its own in the browser's storage, and lists and searches them there.
The server has the one that is shown, and tells the script what becomes of it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import gradio as gr

from rag.server.page.events import HIDDEN, MARKUP, QUIET, Updates
from rag.server.page.views import conversations
from rag.server.page.views.answer_view import escaped
from rag.server.page.views.conversations import Exchange, Talk

Shown = Callable[[Talk, int], Updates]  # a conversation, the number being edited → what the room of questions shows


class KeptTalks:
    """The left column. Constructed within a `gr.Blocks`, it lays itself out.

    Args:
        key: What the browser's keys begin with; each library has its own.
    """

    def __init__(self, key: str) -> None:
        self.talked = gr.State(Talk("", ""))
        with gr.Column(scale=0, min_width=210, elem_id="talks"):
            self._new = gr.Button("New conversation", size="sm", elem_id="new")
            gr.Textbox("", show_label=False, label="Search conversations", container=False,
                       placeholder="Search conversations", elem_id="find-talk")  # fmt: skip
            gr.Markdown(f'<ul class="talks" id="{key}"></ul>', elem_id="kept", **MARKUP)
            with gr.Accordion("This conversation", open=False, elem_id="this-talk"):
                self._name = gr.Textbox("", label="Name", elem_id="rename", max_length=100)
                self._as_markdown = gr.Button("Save as Markdown", size="sm", elem_id="export-markdown")
                self._as_json = gr.Button("Save as JSON", size="sm", elem_id="export-json")
                self._drop = gr.Button("Delete", size="sm", elem_id="drop-talk")
        self._do = gr.Textbox("", show_label=False, label="Open", elem_id="do-talk", elem_classes=HIDDEN)
        self.saved = gr.Markdown("", elem_id="saved", elem_classes=HIDDEN, **MARKUP)

    @property
    def outputs(self) -> list[Any]:
        """What `now` updates."""
        return [self.talked, self.saved, self._name]

    def now(self, talked: Talk, keep: Talk | None = None, forget: str = "") -> Updates:
        """The conversation that is shown, and what the script is told.

        Args:
            talked: The conversation.
            keep: One that the browser is to keep as it is now.
            forget: The id of one that it is to keep no longer.
        """
        told = {"open": talked.id, "keep": conversations.to_json(keep) if keep else None, "forget": forget}
        return {self.talked: talked, self.saved: _told({"talks": told}), self._name: talked.title}

    def wire(self, outputs: list[Any], shown: Shown, editing: gr.State, unfinished: gr.State, running: list[Any]) -> None:
        """Connects it.

        Args:
            outputs: The components of the room of questions, ours among them.
            shown: What they hold for a conversation.
            editing: The number of the exchange whose question is being edited.
            unfinished: The exchange that is being answered.
            running: The events that answer; whoever turns to another conversation ends them.
        """

        def turn(to: Talk, editing: int, left: Talk | None = None, forget: str = "") -> Updates:
            return shown(to, editing) | self.now(to, left, forget=forget)

        def begin(talked: Talk, unfinished: Exchange | None, editing: int) -> Updates:
            return turn(Talk("", ""), editing, ended(talked, unfinished))

        def open_it(word: str, talked: Talk, unfinished: Exchange | None, editing: int) -> Updates:
            chosen = (
                conversations.from_text(word.rpartition(" ")[0]) or talked
            )  # one that is none changes nothing but an answer's end
            left = ended(talked, unfinished)
            return turn(left if left and left.id == chosen.id else chosen, editing, left)

        def ended(talked: Talk, unfinished: Exchange | None) -> Talk | None:
            # What is left amid an answer; else the browser has it already, and its place in the list stays.
            return talked.with_exchange(unfinished) if unfinished else None

        def drop(talked: Talk, editing: int) -> Updates:
            return turn(Talk("", ""), editing, forget=talked.id)

        def ending(event: Any) -> Any:
            # First of all, in an event of its own: Gradio cancels after an event's function has returned, and would end
            # a question that was asked meanwhile.
            return event(None, cancels=running, api_visibility="private")

        ending(self._new.click).then(begin, [self.talked, unfinished, editing], outputs, **QUIET)
        ending(self._do.change).then(open_it, [self._do, self.talked, unfinished, editing], outputs, **QUIET)
        ending(self._drop.click).then(drop, [self.talked, editing], outputs, **QUIET)
        self._name.submit(self.rename, [self._name, self.talked], self.outputs, **QUIET)
        self._as_markdown.click(self.as_markdown, self.talked, self.saved, **QUIET)
        self._as_json.click(self.as_json, self.talked, self.saved, **QUIET)

    def rename(self, name: str, talked: Talk) -> Updates:
        """Gives the conversation another name."""
        called = talked.called(name)
        return self.now(called, called)

    @staticmethod
    def as_markdown(talked: Talk) -> str:
        """The conversation for others to read, for the script to save."""
        return to_save(f"{_slug(talked.title)}.md", conversations.as_markdown(talked))

    @staticmethod
    def as_json(talked: Talk) -> str:
        """The conversation whole, for the script to save."""
        return to_save(
            f"{_slug(talked.title)}.json", json.dumps(conversations.to_json(talked), ensure_ascii=False, indent=1)
        )


def to_save(name: str, text: str) -> str:
    """Tells the script to save a text as a file; without a name, to copy it."""
    return _told({"name": name, "text": text})


def _told(what: dict[str, Any]) -> str:
    # The script waits for a change: two that are alike must differ. ASCII alone: what cannot be seen is shown otherwise.
    return escaped(json.dumps({**what, "n": secrets.token_hex(4)}).replace("\x7f", "\\u007f"))


def _slug(title: str) -> str:
    kept = "".join(c if c.isalnum() else "-" for c in title.lower())[:40]
    return "-".join(filter(None, kept.split("-"))) or "conversation"
