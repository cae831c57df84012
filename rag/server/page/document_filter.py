"""The document filter below the question box, which limits the search to certain documents, metadata or dates."""

from __future__ import annotations

import glob
import json
from collections.abc import Sequence
from typing import Any

import gradio as gr

from rag.library import Library
from rag.records import Filter
from rag.server.page.gradio_options import QUIET, Updates
from rag.server.page.views import document_table

_NO_FILTER = "Search all documents"
_MAX_CHOICES = 1_000  # maximum number of documents listed; every open page receives the list whenever the library changes


class DocumentFilter:
    """A collapsible panel with the filter's components. Must be constructed inside a `gr.Blocks` context."""

    def __init__(self, library: Library) -> None:
        self._library = library
        with gr.Accordion(_NO_FILTER, open=False, elem_id="scope") as self._panel:
            # Documents that are not among the choices can be selected by typing their source.
            self._sources = gr.Dropdown(
                self._source_choices(),
                label="Only these documents",
                multiselect=True,
                allow_custom_value=True,
                elem_id="only",
            )
            self._fields = gr.Dropdown(
                self._field_choices(), label="Only documents with this metadata", multiselect=True, elem_id="where"
            )
            with gr.Row():
                self._since = gr.Textbox("", label="From (date)", placeholder="2025-01-31", elem_id="since", max_length=10)
                self._until = gr.Textbox("", label="To (date)", placeholder="2025-12-31", elem_id="until", max_length=10)

    @property
    def inputs(self) -> list[Any]:
        """The components whose values are passed to `filters`."""
        return [self._sources, self._fields, self._since, self._until]

    def wire(self, version: gr.State) -> None:
        """Connects the components to their event handlers.

        Args:
            version: State that holds the latest version of the library that this page has seen. When the version changes,
                the choices are updated.
        """
        dropdowns = [self._sources, self._fields]
        version.change(self.refresh, dropdowns, dropdowns, preprocess=False, **QUIET)
        self._fields.input(one_value_per_field, self._fields, self._fields, **QUIET)
        for component in self.inputs:
            component.change(self.label, self.inputs, self._panel, **QUIET)

    def refresh(self, sources: object, fields: object) -> Updates:
        """Returns the current choices, and deselects values that no longer exist.

        If such values stayed selected, Gradio would reject the user's next question.
        """
        return {
            self._sources: _dropdown(self._source_choices(), sources, accepts_others=True),
            self._fields: _dropdown(self._field_choices(), fields, accepts_others=False),
        }

    @staticmethod
    def filters(sources: Sequence[str], fields: Sequence[str], since: str, until: str) -> Filter:
        """Returns the filter that the visitor has set.

        Raises:
            SettingsError: A date is not valid.
        """
        return Filter(
            sources=tuple(map(glob.escape, sources or ())),
            since=since.strip(),
            until=until.strip(),
            metadata=dict(map(_parse_field, fields or ())),
        )

    @staticmethod
    def label(sources: Sequence[str], fields: Sequence[str], since: str, until: str) -> Any:
        """Returns the panel's label, which describes the filter in words and is visible even while the panel is closed."""
        parts = [f"{len(sources)} selected document{'s' * (len(sources) != 1)}"] if sources else []
        parts += [f"{name} {value}" for name, value in map(_parse_field, fields or ())]
        parts += [f"{word} {date.strip()}" for word, date in (("from", since), ("to", until)) if date.strip()]
        return gr.Accordion(label=f"Search only: {', '.join(parts)}" if parts else _NO_FILTER)

    def _source_choices(self) -> list[tuple[str, str]]:
        readable = [info for info in self._library.documents() if info.state != "failed"]
        infos = document_table.documents_by_name(readable).values()
        return [(info.title or info.source, info.source) for info in infos][:_MAX_CHOICES]

    def _field_choices(self) -> list[tuple[str, str]]:
        return [(f"{name}: {value} ({n:,})", json.dumps([name, value])) for name, value, n in self._library.fields()]


def one_value_per_field(choices: Sequence[str]) -> list[str]:
    """Returns the choices with only the last value for each field, because each document has one value per field.

    Example:
        >>> one_value_per_field(['["author", "A"]', '["kind", "x"]', '["author", "B"]'])
        ['["author", "B"]', '["kind", "x"]']
    """
    return list({_parse_field(choice)[0]: choice for choice in choices}.values())


def _dropdown(choices: list[tuple[str, str]], chosen: object, *, accepts_others: bool) -> Any:
    """Returns a dropdown with new choices. Selected values stay selected if they are still valid.

    Args:
        choices: The new choices as (label, value) pairs.
        chosen: The selected values. They should be a list, but the browser may have sent anything.
        accepts_others: Whether values that are not among the choices are valid.
    """
    offered = {value for _, value in choices}
    values = chosen if isinstance(chosen, list) else []
    still_valid = [value for value in values if isinstance(value, str) and (accepts_others or value in offered)]
    return gr.Dropdown(choices=choices, value=still_valid)


def _parse_field(choice: str) -> tuple[str, str]:
    name, value = json.loads(choice)
    return name, value
