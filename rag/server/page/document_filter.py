"""Which documents a question is asked of: some of them by name, by date, by what they say of themselves. Thin handlers."""

from __future__ import annotations

import glob
import json
from collections.abc import Sequence
from typing import Any

import gradio as gr

from rag.library import Library
from rag.records import Filter
from rag.server.page.events import QUIET, Updates
from rag.server.page.views import document_table

_ALL = "Ask all documents"
_OFFERED = 1_000  # documents to choose from: a page is told of each of them at every change


class Scope:
    """A fold below the question. Constructed within a `gr.Blocks`, it lays itself out."""

    def __init__(self, library: Library) -> None:
        self._library = library
        with gr.Accordion(_ALL, open=False, elem_id="scope") as self._fold:
            # One that is not among those offered can be named: its source is typed.
            self._only = gr.Dropdown(
                self._names(), label="Only these documents", multiselect=True, allow_custom_value=True, elem_id="only"
            )
            self._where = gr.Dropdown(self._fields(), label="Only documents with", multiselect=True, elem_id="where")
            with gr.Row():
                self._since = gr.Textbox("", label="From (date)", placeholder="2025-01-31", elem_id="since", max_length=10)
                self._until = gr.Textbox("", label="Until (date)", placeholder="2025-12-31", elem_id="until", max_length=10)

    @property
    def inputs(self) -> list[Any]:
        """The components that `filters` takes the values of."""
        return [self._only, self._where, self._since, self._until]

    def wire(self, version: gr.State) -> None:
        """Connects its components. What can be chosen is as the library of this version has it."""
        chosen = [self._only, self._where]
        version.change(self.refreshed, chosen, chosen, preprocess=False, **QUIET)
        self._where.input(one_value_each, self._where, self._where, **QUIET)
        for given in self.inputs:
            given.change(self.told, self.inputs, self._fold, **QUIET)

    def refreshed(self, only: object, where: object) -> Updates:
        """What can be chosen now; of what was chosen what is there still: with the rest Gradio refuses the question."""
        return {
            self._only: _offering(self._names(), only, are_all=False),
            self._where: _offering(self._fields(), where, are_all=True),
        }

    @staticmethod
    def filters(only: Sequence[str], where: Sequence[str], since: str, until: str) -> Filter:
        """The documents asked.

        Raises:
            SettingsError: A date is none.
        """
        return Filter(tuple(map(glob.escape, only or ())), since.strip(), until.strip(), dict(map(_field, where or ())))

    @staticmethod
    def told(only: Sequence[str], where: Sequence[str], since: str, until: str) -> Any:
        """The fold's label: what a question is asked of while it is closed."""
        facts = [f"{len(only)} chosen document{'s' * (len(only) != 1)}"] if only else []
        facts += [f"{name} {value}" for name, value in map(_field, where or ())]
        facts += [f"{word} {date.strip()}" for word, date in (("from", since), ("until", until)) if date.strip()]
        return gr.Accordion(label=f"Ask only: {', '.join(facts)}" if facts else _ALL)

    def _names(self) -> list[tuple[str, str]]:
        infos = document_table.names([info for info in self._library.documents() if info.state != "failed"])
        return [(info.title or info.source, info.source) for info in infos.values()][:_OFFERED]

    def _fields(self) -> list[tuple[str, str]]:
        return [(f"{name}: {value} ({n:,})", json.dumps([name, value])) for name, value, n in self._library.fields()]


def one_value_each(where: Sequence[str]) -> list[str]:
    """The choices with the last value of each field: a document has one.

    Example:
        >>> one_value_each(['["author", "A"]', '["kind", "x"]', '["author", "B"]'])
        ['["author", "B"]', '["kind", "x"]']
    """
    return list({_field(chosen)[0]: chosen for chosen in where}.values())


def _offering(choices: list[tuple[str, str]], chosen: object, *, are_all: bool) -> Any:
    there = {value for _, value in choices}
    kept = (
        [one for one in chosen if isinstance(one, str) and (one in there or not are_all)]
        if isinstance(chosen, list)
        else []
    )
    return gr.Dropdown(choices=choices, value=kept)


def _field(chosen: str) -> tuple[str, str]:
    name, value = json.loads(chosen)
    return name, value
