"""The filter below the question box: chosen documents, a date range, metadata fields."""

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

_NO_FILTER = "Ask all documents"
_MAX_CHOICES = 1_000  # documents offered: every visitor's page receives all of them at every change


class DocumentFilter:
    """A collapsed panel with the filter's components. Construct it within a `gr.Blocks`."""

    def __init__(self, library: Library) -> None:
        self._library = library
        with gr.Accordion(_NO_FILTER, open=False, elem_id="scope") as self._panel:
            # A document beyond the offered ones can be named by typing its source.
            self._sources = gr.Dropdown(
                self._source_choices(),
                label="Only these documents",
                multiselect=True,
                allow_custom_value=True,
                elem_id="only",
            )
            self._fields = gr.Dropdown(
                self._field_choices(), label="Only documents with", multiselect=True, elem_id="where"
            )
            with gr.Row():
                self._since = gr.Textbox("", label="From (date)", placeholder="2025-01-31", elem_id="since", max_length=10)
                self._until = gr.Textbox("", label="Until (date)", placeholder="2025-12-31", elem_id="until", max_length=10)

    @property
    def inputs(self) -> list[Any]:
        """The components whose values `filters` takes."""
        return [self._sources, self._fields, self._since, self._until]

    def wire(self, version: gr.State) -> None:
        """Connects the components.

        Args:
            version: The library's version as this page knows it; a change refreshes the choices.
        """
        dropdowns = [self._sources, self._fields]
        version.change(self.refresh, dropdowns, dropdowns, preprocess=False, **QUIET)
        self._fields.input(one_value_per_field, self._fields, self._fields, **QUIET)
        for component in self.inputs:
            component.change(self.label, self.inputs, self._panel, **QUIET)

    def refresh(self, sources: object, fields: object) -> Updates:
        """Returns the current choices, without chosen values that are gone: Gradio would reject a question with those."""
        return {
            self._sources: _dropdown(self._source_choices(), sources, accepts_others=True),
            self._fields: _dropdown(self._field_choices(), fields, accepts_others=False),
        }

    @staticmethod
    def filters(sources: Sequence[str], fields: Sequence[str], since: str, until: str) -> Filter:
        """Returns the filter that the components describe.

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
        """Returns the panel's label: the filter in words, which is visible while the panel is closed."""
        parts = [f"{len(sources)} chosen document{'s' * (len(sources) != 1)}"] if sources else []
        parts += [f"{name} {value}" for name, value in map(_parse_field, fields or ())]
        parts += [f"{word} {date.strip()}" for word, date in (("from", since), ("until", until)) if date.strip()]
        return gr.Accordion(label=f"Ask only: {', '.join(parts)}" if parts else _NO_FILTER)

    def _source_choices(self) -> list[tuple[str, str]]:
        readable = [info for info in self._library.documents() if info.state != "failed"]
        infos = document_table.documents_by_name(readable).values()
        return [(info.title or info.source, info.source) for info in infos][:_MAX_CHOICES]

    def _field_choices(self) -> list[tuple[str, str]]:
        return [(f"{name}: {value} ({n:,})", json.dumps([name, value])) for name, value, n in self._library.fields()]


def one_value_per_field(choices: Sequence[str]) -> list[str]:
    """Returns the choices with only the last value of each field, since a document has one.

    Example:
        >>> one_value_per_field(['["author", "A"]', '["kind", "x"]', '["author", "B"]'])
        ['["author", "B"]', '["kind", "x"]']
    """
    return list({_parse_field(choice)[0]: choice for choice in choices}.values())


def _dropdown(choices: list[tuple[str, str]], chosen: object, *, accepts_others: bool) -> Any:
    """Returns a dropdown with new choices, in which what was chosen stays chosen if it is still valid.

    Args:
        choices: (label, value) of what is offered now.
        chosen: What the browser sent: a list of values, or anything.
        accepts_others: Whether values that are not offered are valid.
    """
    offered = {value for _, value in choices}
    values = chosen if isinstance(chosen, list) else []
    still_valid = [value for value in values if isinstance(value, str) and (accepts_others or value in offered)]
    return gr.Dropdown(choices=choices, value=still_valid)


def _parse_field(choice: str) -> tuple[str, str]:
    name, value = json.loads(choice)
    return name, value
