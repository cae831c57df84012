"""The Evaluate tab, for running test sets and comparing runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import gradio as gr

from rag.errors import RagError
from rag.library import Library
from rag.server.page.background_job import BackgroundJob
from rag.server.page.gradio_options import MARKUP, QUIET, Updates
from rag.server.page.views import evaluation_view
from rag.server.page.views.conversations import FEEDBACK_FILE
from rag.server.page.views.markup import note_markup

_SUFFIXES = (".yaml", ".yml", ".jsonl")
_MAX_SETS = 200


class EvaluationTab:
    """The tab's components and event handlers. Must be constructed inside a `gr.Blocks` context.

    Args:
        library: The library to evaluate.
        folder: The folder in which the tab looks for test sets.
    """

    def __init__(self, library: Library, folder: Path) -> None:
        self._library = library
        self._folder = folder
        with gr.Row(elem_id="measuring"):
            self._set_name = gr.Dropdown(list(self._sets()), label="Test set", elem_id="set", scale=3)
            self._set_file = gr.File(
                show_label=False, label="Test set file", file_types=list(_SUFFIXES), elem_id="set-file", height=120, scale=2
            )
            with gr.Column(scale=1, min_width=120):
                self._start = gr.Button("Run", variant="primary", elem_id="run-set")
                self._cancel = gr.Button("Cancel", size="sm", elem_id="cancel-run")
        self._result = gr.Markdown("", elem_id="result", **MARKUP)
        with gr.Accordion("Compare two runs", open=False, elem_id="comparing"), gr.Row():
            self._first = gr.Dropdown(self._runs(), label="Run A", elem_id="run-a")
            self._second = gr.Dropdown(self._runs(), label="Run B", elem_id="run-b")
            self._compare = gr.Button("Compare", size="sm", elem_id="compare-runs", scale=0)
        self._comparison = gr.Markdown("", elem_id="compared", **MARKUP)

    def wire(self, page: gr.Blocks) -> None:
        """Connects the components to their event handlers."""
        running = self._start.click(self.run, [self._set_name, self._set_file], self._result, concurrency_limit=2, **QUIET)
        cancelled = self._cancel.click(None, cancels=running, api_visibility="private")
        cancelled.then(lambda: note_markup("The run was cancelled."), None, self._result, **QUIET)
        for event in (running.then, page.load):
            event(self.refresh, None, [self._set_name, self._first, self._second], **QUIET)
        self._compare.click(self.compare, [self._first, self._second], self._comparison, **QUIET)

    def run(self, set_name: str | None, set_file: str | None) -> Iterator[str]:
        """Runs a test set. Yields its progress and, finally, its result as markup. Closing the iterator cancels the run."""
        path = Path(set_file) if set_file else self._sets().get(set_name or "")
        if path is None:
            yield note_markup(
                "Choose a test set, or drop a test set file into the box. The file format is described in docs/using.md."
            )
            return
        progress, is_closed = [(0, 0)], threading.Event()

        def on_progress(done: int, total: int) -> None:
            progress[0] = (done, total)
            if is_closed.is_set():
                raise RagError("the run was cancelled")

        job = BackgroundJob(lambda: self._run(path, on_progress))
        try:
            for _ in job.polls():
                yield evaluation_view.progress_markup(*progress[0])
        finally:
            is_closed.set()
        yield job.outcome

    def _run(self, path: Path, on_progress: Callable[[int, int], None]) -> str:
        from rag.evaluation.test_sets import read_set

        run = self._library.evaluations.run(read_set(path), on_progress=on_progress)
        return evaluation_view.run_markup(run, self._library.evaluations.save_run(run))

    def compare(self, first: int | None, second: int | None) -> str:
        """Returns a link to a page that compares two runs."""
        if first is None or second is None:
            return note_markup("Choose two runs to compare.")
        label = "Open the comparison: differences with confidence intervals, and questions whose outcome changed"
        return f'<p><a class="open" href="/runs/{int(first)}?with={int(second)}" target="_blank">{label}</a></p>'

    def refresh(self) -> Updates:
        """Returns the updates that list the current test sets and runs in the dropdowns."""
        runs = self._runs()
        return {
            self._set_name: gr.Dropdown(choices=list(self._sets())),
            **{dropdown: gr.Dropdown(choices=runs) for dropdown in (self._first, self._second)},
        }

    def _runs(self) -> list[tuple[str, int]]:
        return evaluation_view.run_choices(self._library.evaluations.list_runs())

    def _sets(self) -> dict[str, Path]:
        """Returns the path of each test set, keyed by the name to show in the list.

        Includes the test sets in the folder, and the test set of questions whose answers users rated as wrong.
        """
        files = sorted(file for file in self._folder.iterdir() if file.suffix in _SUFFIXES and file.is_file())[:_MAX_SETS]
        feedback = self._library.folder / FEEDBACK_FILE
        sets = {file.name: file for file in files}
        return {"questions with answers rated as wrong": feedback, **sets} if feedback.is_file() else sets
