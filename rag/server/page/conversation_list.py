"""The conversation list, with controls to start, open, rename, export and delete conversations.

The browser stores the conversations. The script page.js lists and searches the conversations, and saves each under its own
key. The server knows only the open conversation, and sends messages to the script through a hidden output.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import gradio as gr

from rag.server.page.gradio_options import HIDDEN, MARKUP, QUIET, Updates
from rag.server.page.script import conversations_message, save_message
from rag.server.page.views import conversations
from rag.server.page.views.conversations import Conversation, Exchange

# Function that takes a conversation and the number of the exchange being edited, and returns the Ask tab's updates.
ShowConversation = Callable[[Conversation, int], Updates]


class ConversationList:
    """The left column of the Ask tab. Must be constructed inside a `gr.Blocks` context.

    Args:
        key: Prefix for the keys in the browser's storage; each library has its own prefix.
    """

    def __init__(self, key: str) -> None:
        self.conversation = gr.State(Conversation("", ""))
        with gr.Column(scale=0, min_width=210, elem_id="talks"):
            self._new = gr.Button("New conversation", size="sm", elem_id="new")
            gr.Textbox(
                "",
                show_label=False,
                label="Search conversations",
                container=False,
                placeholder="Search conversations",
                elem_id="find-talk",
            )
            gr.Markdown(f'<ul class="talks" id="{key}"></ul>', elem_id="kept", **MARKUP)
            with gr.Accordion("This conversation", open=False, elem_id="this-talk"):
                self._name = gr.Textbox("", label="Name", elem_id="rename", max_length=100)
                self._export_markdown = gr.Button("Save as Markdown", size="sm", elem_id="export-markdown")
                self._export_json = gr.Button("Save as JSON", size="sm", elem_id="export-json")
                self._delete = gr.Button("Delete", size="sm", elem_id="drop-talk")
        self._command = gr.Textbox("", show_label=False, label="Command", elem_id="do-talk", elem_classes=HIDDEN)
        self.script_message = gr.Markdown("", elem_id="saved", elem_classes=HIDDEN, **MARKUP)

    @property
    def outputs(self) -> list[Any]:
        """The components that `update` changes."""
        return [self.conversation, self.script_message, self._name]

    def update(self, conversation: Conversation, store: Conversation | None = None, delete: str = "") -> Updates:
        """Returns the updates that open a conversation.

        Args:
            conversation: The conversation to show.
            store: A conversation that the browser should store; None if nothing needs to be stored.
            delete: The id of a conversation that the browser should delete; empty if nothing needs to be deleted.
        """
        stored = conversations.to_json(store) if store else None
        return {
            self.conversation: conversation,
            self.script_message: conversations_message(conversation.id, stored, delete),
            self._name: conversation.title,
        }

    def wire(
        self,
        outputs: list[Any],
        show: ShowConversation,
        editing: gr.State,
        unfinished: gr.State,
        answering: list[Any],
    ) -> None:
        """Connects the components to their event handlers.

        Args:
            outputs: The Ask tab's components, including those of this list.
            show: Function that returns the Ask tab's updates for showing a conversation.
            editing: State that holds the number of the exchange whose question is being edited; 0 if there is none.
            unfinished: State that holds the exchange that is being answered; None if no question is being answered.
            answering: The events that answer questions; switching to another conversation cancels them.
        """

        def switch(to: Conversation, editing: int, store: Conversation | None = None, delete: str = "") -> Updates:
            return show(to, editing) | self.update(to, store, delete)

        def start_new(conversation: Conversation, unfinished: Exchange | None, editing: int) -> Updates:
            return switch(Conversation("", ""), editing, with_unfinished(conversation, unfinished))

        def open_stored(command: str, conversation: Conversation, unfinished: Exchange | None, editing: int) -> Updates:
            # If the command contains no valid conversation, the current one stays open, but its answer is still stopped.
            chosen = conversations.from_text(command.rpartition(" ")[0]) or conversation
            left = with_unfinished(conversation, unfinished)
            return switch(left if left and left.id == chosen.id else chosen, editing, left)

        def with_unfinished(conversation: Conversation, unfinished: Exchange | None) -> Conversation | None:
            # If there is no unfinished answer, do not store the conversation again: storing it would move it in the list.
            return conversation.with_exchange(unfinished) if unfinished else None

        def delete_open(conversation: Conversation, editing: int) -> Updates:
            return switch(Conversation("", ""), editing, delete=conversation.id)

        def cancelling(event: Any) -> Any:
            # subtle: cancel first, in a separate event. Gradio cancels only after an event's function has returned; if that
            # function also switched conversations, Gradio would cancel a question asked in the meantime.
            return event(None, cancels=answering, api_visibility="private")

        cancelling(self._new.click).then(start_new, [self.conversation, unfinished, editing], outputs, **QUIET)
        cancelling(self._command.change).then(
            open_stored, [self._command, self.conversation, unfinished, editing], outputs, **QUIET
        )
        cancelling(self._delete.click).then(delete_open, [self.conversation, editing], outputs, **QUIET)
        self._name.submit(self.rename, [self._name, self.conversation], self.outputs, **QUIET)
        self._export_markdown.click(self.markdown_file, self.conversation, self.script_message, **QUIET)
        self._export_json.click(self.json_file, self.conversation, self.script_message, **QUIET)

    def rename(self, name: str, conversation: Conversation) -> Updates:
        """Renames the open conversation."""
        renamed = conversation.with_name(name)
        return self.update(renamed, renamed)

    @staticmethod
    def markdown_file(conversation: Conversation) -> str:
        """Returns a message that makes the script save the conversation as Markdown."""
        return save_message(f"{_file_name(conversation.title)}.md", conversations.as_markdown(conversation))

    @staticmethod
    def json_file(conversation: Conversation) -> str:
        """Returns a message that makes the script save the conversation as JSON."""
        text = json.dumps(conversations.to_json(conversation), ensure_ascii=False, indent=1)
        return save_message(f"{_file_name(conversation.title)}.json", text)


def _file_name(title: str) -> str:
    words = "".join(c if c.isalnum() else "-" for c in title.lower())[:40]
    return "-".join(filter(None, words.split("-"))) or "conversation"
