"""The room of evaluation: test sets run, runs compared. Thin handlers on `rag.evaluation.runner`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from rag.errors import RagError
from rag.library import Library
from rag.server.page.events import FEEDBACK, MARKUP, QUIET, Aside, Updates, about
from rag.server.page.views import evaluation_view

_SETS = (".yaml", ".yml", ".jsonl")
_MOST_SETS = 200


class EvaluateRoom:
    """Its handlers and components. Constructed within a `gr.Blocks`, it lays itself out.

    Args:
        library: What is asked.
        folder: Where test sets are looked for.
    """

    def __init__(self, library: Library, folder: Path) -> None:
        self._library = library
        self._folder = folder
        with gr.Row(elem_id="measuring"):
            self._chosen = gr.Dropdown(list(self._sets()), label="Test set", elem_id="set", scale=3)
            self._brought = gr.File(
                show_label=False, label="A test set", file_types=list(_SETS), elem_id="set-file", height=120, scale=2
            )
            with gr.Column(scale=1, min_width=120):
                self._start = gr.Button("Run", variant="primary", elem_id="run-set")
                self._cancel = gr.Button("Cancel", size="sm", elem_id="cancel-run")
        self._result = gr.Markdown("", elem_id="result", **MARKUP)
        with gr.Accordion("Compare two runs", open=False, elem_id="comparing"), gr.Row():
            self._first = gr.Dropdown(self._runs(), label="A", elem_id="run-a")
            self._second = gr.Dropdown(self._runs(), label="B", elem_id="run-b")
            self._compare = gr.Button("Compare", size="sm", elem_id="compare-runs", scale=0)
        self._compared = gr.Markdown("", elem_id="compared", **MARKUP)

    def wire(self, page: gr.Blocks) -> None:
        """Connects its components."""
        running = self._start.click(self.run, [self._chosen, self._brought], self._result, concurrency_limit=2, **QUIET)
        ended = self._cancel.click(None, cancels=running, api_visibility="private")
        ended.then(lambda: about("cancelled"), None, self._result, **QUIET)
        for event in (running.then, page.load):
            event(self.refreshed, None, [self._chosen, self._first, self._second], **QUIET)
        self._compare.click(self.compare, [self._first, self._second], self._compared, **QUIET)

    def run(self, chosen: str | None, brought: str | None) -> Iterator[str]:
        """Runs a test set, and says how it goes. Closing it ends the run."""
        path = Path(brought) if brought else self._sets().get(chosen or "")
        if path is None:
            yield about("choose a test set, or drop one; the README says how one is written")
            return
        at, ended = [(0, 0)], threading.Event()

        def count(done: int, total: int) -> None:
            at[0] = (done, total)
            if ended.is_set():
                raise RagError("the run was cancelled")

        measuring = Aside(lambda: self._measured(path, count))
        try:
            for _ in measuring.looks():
                yield evaluation_view.progress(*at[0])
        finally:
            ended.set()
        yield measuring.outcome

    def _measured(self, path: Path, count: Any) -> str:
        from rag.evaluation.test_sets import read_set

        questions = read_set(path)
        made = self._library.evaluations.run(questions, on_progress=count)
        return evaluation_view.run(made, self._library.evaluations.keep(made))

    def compare(self, first: int | None, second: int | None) -> str:
        """The way to two runs beside each other."""
        if first is None or second is None:
            return about("choose two runs")
        words = "Differences, how sure they are, and the questions that changed"
        return f'<p><a class="open" href="/runs/{int(first)}?with={int(second)}" target="_blank">{words}</a></p>'

    def refreshed(self) -> Updates:
        """The sets and runs there are now."""
        runs = self._runs()
        return {
            self._chosen: gr.Dropdown(choices=list(self._sets())),
            **{chosen: gr.Dropdown(choices=runs) for chosen in (self._first, self._second)},
        }

    def _runs(self) -> list[tuple[str, int]]:
        return evaluation_view.runs(self._library.evaluations.kept())

    def _sets(self) -> dict[str, Path]:
        """Test sets by their names: of the folder, and what readers found wrong. What a browser names is looked up here."""
        files = sorted(file for file in self._folder.iterdir() if file.suffix in _SETS and file.is_file())[:_MOST_SETS]
        feedback = self._library.folder / FEEDBACK
        named = {file.name: file for file in files}
        return {"answers that were marked as wrong": feedback, **named} if feedback.is_file() else named
