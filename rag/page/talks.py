"""The conversations that a browser keeps: their list, found by words, opened, renamed, exported, deleted. Thin handlers."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import gradio as gr

from rag.page import shelf, talk
from rag.page.common import HIDDEN, MARKUP, QUIET, Updates, command
from rag.page.show import escaped
from rag.page.talk import Talk

Shown = Callable[[Talk, int], Updates]  # a conversation, the number being edited → what the room of questions shows


class KeptTalks:
    """The left column. Constructed within a `gr.Blocks`, it lays itself out.

    Args:
        key: What the browser keeps them under; each library has its own.
    """

    def __init__(self, key: str) -> None:
        self.talked = gr.State(Talk("", ""))
        self._kept = gr.BrowserState([], storage_key=key, secret=key)  # no secret: it is kept where the page is shown
        with gr.Column(scale=0, min_width=210, elem_id="talks"):
            self._new = gr.Button("New conversation", size="sm", elem_id="new")
            self._wanted = gr.Textbox("", show_label=False, label="Search conversations", container=False,
                                      placeholder="Search conversations", elem_id="find-talk")  # fmt: skip
            self._list = gr.Markdown("", elem_id="kept", **MARKUP)
            with gr.Accordion("This conversation", open=False, elem_id="this-talk"):
                self._name = gr.Textbox("", label="Name", elem_id="rename", max_length=100)
                self._as_markdown = gr.Button("Save as Markdown", size="sm", elem_id="export-markdown")
                self._as_json = gr.Button("Save as JSON", size="sm", elem_id="export-json")
                self._drop = gr.Button("Delete", size="sm", elem_id="drop-talk")
        self._do = gr.Textbox("", show_label=False, label="Open", elem_id="do-talk", elem_classes=HIDDEN)
        self.saved = gr.Markdown("", elem_id="saved", elem_classes=HIDDEN, **MARKUP)

    def wire(self, page: gr.Blocks, outputs: list[Any], shown: Shown, editing: gr.State, running: list[Any]) -> None:
        """Connects it.

        Args:
            page: The page.
            outputs: The components of the room of questions.
            shown: What they hold for a conversation.
            editing: The number of the exchange whose question is being edited.
            running: The events that answer; whoever turns to another conversation ends them.
        """

        def begin(editing: int) -> Updates:
            return shown(Talk("", ""), editing)

        def open_it(word: str, kept: object, wanted: str, editing: int) -> Updates:
            found = talk.found(talk.all_from_json(kept), wanted)
            _, n = command(word)
            return shown(found[n], editing) if 0 <= n < len(found) else gr.skip()

        def ending(event: Any) -> Any:
            # First of all, in an event of its own: Gradio cancels after an event's function has returned, and would end
            # a question that was asked meanwhile.
            return event(None, cancels=running, api_visibility="private")

        def relist(event: Any) -> None:
            event.then(self.listed, [self._kept, self.talked, self._wanted], self._listing, **QUIET)

        relist(ending(self._new.click).then(begin, editing, outputs, **QUIET))
        relist(ending(self._do.change).then(open_it, [self._do, self._kept, self._wanted, editing], outputs, **QUIET))
        dropped = ending(self._drop.click).then(self.drop, [self.talked, self._kept], self._kept, **QUIET)
        relist(dropped.then(begin, editing, outputs, **QUIET))
        self._wanted.change(self.listed, [self._kept, self.talked, self._wanted], self._listing, **QUIET)
        page.load(self.listed, [self._kept, self.talked, self._wanted], self._listing, **QUIET)
        self.keep_after(
            self._name.submit(lambda name, talked: talked.called(name), [self._name, self.talked], self.talked, **QUIET)
        )
        self._as_markdown.click(self.as_markdown, self.talked, self.saved, **QUIET)
        self._as_json.click(self.as_json, self.talked, self.saved, **QUIET)

    def keep_after(self, event: Any) -> None:
        """After that event the browser keeps the conversation, and the list shows it."""
        event.then(
            self.keep, [self.talked, self._kept, self._wanted], [self._kept, *self._listing], **QUIET
        )  # fmt: skip

    @property
    def _listing(self) -> list[Any]:
        return [self._list, self._name, self._as_markdown, self._as_json, self._drop]

    def keep(self, talked: Talk, kept: object, wanted: str) -> Updates:
        """Keeps the conversation in the browser, and lists it."""
        if not talked.exchanges:
            return self.listed(kept, talked, wanted)
        talks = [talk.to_json(one) for one in talk.with_talk(talk.all_from_json(kept), talked)]
        return {self._kept: talks} | self.listed(talks, talked, wanted)

    def listed(self, kept: object, talked: Talk, wanted: str) -> Updates:
        """The list of conversations, and what can be done with this one."""
        there = bool(talked.exchanges)
        return {
            self._list: shelf.talks(talk.found(talk.all_from_json(kept), wanted), talked.id),
            self._name: gr.Textbox(value=talked.title if there else "", interactive=there),
            **{button: gr.Button(interactive=there) for button in (self._as_markdown, self._as_json, self._drop)},
        }

    @staticmethod
    def drop(talked: Talk, kept: object) -> list[dict[str, Any]]:
        """The conversations without this one."""
        return [talk.to_json(one) for one in talk.all_from_json(kept) if one.id != talked.id]

    @staticmethod
    def as_markdown(talked: Talk) -> str:
        """The conversation for others to read, for the script to save."""
        return to_save(f"{_slug(talked.title)}.md", talk.as_markdown(talked))

    @staticmethod
    def as_json(talked: Talk) -> str:
        """The conversation whole, for the script to save."""
        return to_save(f"{_slug(talked.title)}.json", json.dumps(talk.to_json(talked), ensure_ascii=False, indent=1))


def to_save(name: str, text: str) -> str:
    """Tells the script to save a text as a file; without a name, to copy it."""
    # The script waits for a change: two that are alike must differ.
    return escaped(json.dumps({"name": name, "text": text, "n": secrets.token_hex(4)}))


def _slug(title: str) -> str:
    kept = "".join(c if c.isalnum() else "-" for c in title.lower())[:40]
    return "-".join(filter(None, kept.split("-"))) or "conversation"
