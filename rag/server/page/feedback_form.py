"""The form that opens when a user rates an answer as wrong. It adds the question to a test set in the index folder."""

from __future__ import annotations

import json
import secrets
from typing import Any

import gradio as gr

from rag.errors import RagError
from rag.library import Library
from rag.records import Answer
from rag.server.page.gradio_options import QUIET, Updates
from rag.server.page.views import conversations
from rag.server.page.views.conversations import FEEDBACK_FILE, Conversation
from rag.server.page.views.markup import escaped


class FeedbackForm:
    """A form that opens below the question box. Must be constructed inside a `gr.Blocks` context."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._turn = gr.State(0)  # the number of the rated exchange
        with gr.Column(visible=False, elem_id="feedback") as self._form:
            self._expected = gr.Textbox(
                "",
                label="What should the answer say? Leave this empty if the documents do not answer the question.",
                elem_id="expected",
            )
            self._passage = gr.Textbox(
                "", label="The passage that supports this answer, quoted exactly (optional)", lines=2, elem_id="passage"
            )
            with gr.Row():
                self._save = gr.Button("Save as a test question", size="sm", elem_id="save-feedback")
                self._cancel = gr.Button("Cancel", size="sm", elem_id="cancel-feedback")

    @property
    def outputs(self) -> list[Any]:
        """The components that `opened` and `closed` change."""
        return [self._form, self._turn]

    def opened(self, turn: int) -> Updates:
        """Returns the updates that open the form for the exchange with the given number."""
        return {self._form: gr.Column(visible=True), self._turn: turn}

    def closed(self) -> Updates:
        """Returns the updates that close the form."""
        return {self._form: gr.Column(visible=False)}

    def wire(self, conversation: gr.State, note: gr.Markdown) -> None:
        """Connects the components to their event handlers.

        Args:
            conversation: State that holds the open conversation.
            note: The component that shows the outcome.
        """

        def save(turn: int, conversation: Conversation, expected: str, passage: str) -> Updates:
            is_saved, message = self.save(turn, conversation, expected.strip(), passage.strip())
            cleared = {**self.closed(), self._expected: "", self._passage: ""} if is_saved else {}
            return {**cleared, note: escaped(message)}

        inputs = [self._turn, conversation, self._expected, self._passage]
        self._save.click(save, inputs, [self._form, note, self._expected, self._passage], **QUIET)
        self._cancel.click(lambda: gr.Column(visible=False), None, self._form, **QUIET)

    def save(self, turn: int, conversation: Conversation, expected: str, passage: str) -> tuple[bool, str]:
        """Saves an exchange as a row in the test set of questions whose answers were rated as wrong.

        Args:
            turn: The number of the exchange, starting at 1; if there is no such exchange, nothing is saved.
            conversation: The conversation.
            expected: What the answer should say; empty if the documents do not answer the question.
            passage: The passage that supports the expected answer; may be empty.

        Returns:
            Whether the form can be closed, and a message to show to the user.
        """
        if not 1 <= turn <= len(conversation.exchanges):
            return True, ""
        exchange = conversation.exchanges[turn - 1]
        source = self._source_of(passage, exchange.answer)
        if passage and not source:
            return False, "None of the documents found for this question contains that passage."
        row = conversations.feedback_row(exchange, f"page-{secrets.token_hex(4)}", expected, passage, source)
        path = self._library.folder / FEEDBACK_FILE
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        return True, f"Saved as a test question in {path}"

    def _source_of(self, passage: str, answer: Answer | None) -> str:
        """Returns the source of the first retrieved document that contains the passage; empty if no document does."""
        for source in dict.fromkeys(hit.source for hit in answer.hits) if answer and passage else ():
            try:
                if passage in self._library.document(source).text:
                    return source
            except RagError:
                continue  # the document has been deleted in the meantime
        return ""
