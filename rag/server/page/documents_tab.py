"""The Documents tab, for uploading files, adding web pages, and listing, reloading and deleting documents."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from rag.errors import RagError
from rag.library import Library
from rag.records import Progress, SyncReport
from rag.server.page.background_job import BackgroundJob
from rag.server.page.gradio_options import HIDDEN, MARKUP, QUIET, Updates
from rag.server.page.script import parse_command
from rag.server.page.views import document_table
from rag.server.page.views.markup import error_markup, note_markup, one_line
from rag.sources.files import is_url

_MAX_FILES = 200  # per upload
_SAMPLE = Path(__file__).parent / "sample.md"

OnProgress = Callable[[Progress], None]
Import = Callable[[OnProgress], SyncReport]


class DocumentsTab:
    """The tab's components and event handlers. Must be constructed inside a `gr.Blocks` context.

    Args:
        library: The library whose documents are shown.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._row_names = gr.State([])  # the names of the documents in the table, in row order
        self._to_delete = gr.State("")  # the document that will be deleted if the user confirms; empty if there is none
        self._count = gr.State(0)  # the number of changes made in this tab
        self._build_inputs()
        self._outcome = gr.Markdown("", elem_id="importing", **MARKUP)
        with gr.Row(elem_id="finding"):
            self._query = gr.Textbox(
                "",
                show_label=False,
                label="Search documents",
                placeholder="Search documents",
                elem_id="find-document",
                container=False,
                scale=3,
            )
            self._order = gr.Dropdown(
                list(document_table.ORDERS),
                value=next(iter(document_table.ORDERS)),
                label="Sort",
                show_label=False,
                elem_id="order",
                container=False,
                scale=1,
            )
        with gr.Column(visible=False, elem_id="deleting") as self._confirmation:
            self._confirmation_text = gr.Markdown("", **MARKUP)
            with gr.Row():
                self._delete = gr.Button("Delete permanently", variant="stop", size="sm", elem_id="delete-it")
                self._keep = gr.Button("Keep document", size="sm")
        self._table = gr.Markdown("", elem_id="documents", **MARKUP)
        self._command = gr.Textbox("", show_label=False, label="Command", elem_id="do-document", elem_classes=HIDDEN)

    def _build_inputs(self) -> None:
        with gr.Row(elem_id="taking-in"):
            self._upload = gr.File(
                show_label=False, label="Files to add", file_count="multiple", elem_id="upload", height=120, scale=3
            )
            with gr.Column(scale=2):
                self._url = gr.Textbox("", label="Web page", placeholder="https://…", elem_id="url", max_length=2000)
                with gr.Row():
                    self._add = gr.Button("Add page", size="sm", elem_id="add-url")
                    self._sample = gr.Button("Add sample document", size="sm", elem_id="load-sample")

    @property
    def changed(self) -> Any:
        """The event that is triggered whenever documents have been changed in this tab."""
        return self._count.change

    def wire(self, version: gr.State) -> None:
        """Connects the components to their event handlers.

        Args:
            version: State that holds the latest version of the library that this page has seen. When the version changes,
                the table is refreshed.
        """
        for event in (version.change, self._query.change, self._order.change):
            event(self.table, [self._query, self._order], [self._table, self._row_names], **QUIET)
        importing: dict[str, Any] = {"outputs": self._outcome, "concurrency_limit": 4, **QUIET}
        for done, box, empty in (
            (self._upload.upload(self.add_files, self._upload, **importing), self._upload, None),
            (gr.on([self._add.click, self._url.submit], self.add_page, self._url, **importing), self._url, ""),
        ):
            done.then(lambda count, empty=empty: (empty, count + 1), self._count, [box, self._count], **QUIET)
        for done in (
            self._sample.click(self.load_sample, None, **importing),
            self._command.change(self.read_again, [self._command, self._row_names], **importing),
        ):
            done.then(lambda count: count + 1, self._count, self._count, **QUIET)
        confirmation = [self._confirmation, self._confirmation_text, self._to_delete]
        self._command.change(self.confirm_deletion, [self._command, self._row_names], confirmation, **QUIET)
        self._keep.click(self._close_confirmation, None, confirmation, **QUIET)
        deleted = [self._confirmation, self._to_delete, self._outcome, self._count]
        self._delete.click(self.delete, [self._to_delete, self._count], deleted, **QUIET)

    def table(self, query: str, order: str) -> tuple[str, list[str]]:
        """Returns the table's markup, and the name of the document in each row."""
        return document_table.table_markup(self._library.documents(), query, order)

    def add_files(self, paths: Sequence[str] | None) -> Iterator[str]:
        """Adds uploaded files one by one. Yields markup that shows the progress and the outcomes."""
        files = [Path(path) for path in paths or ()]
        if len(files) > _MAX_FILES:
            yield error_markup(
                f"You can add at most {_MAX_FILES} files at once. To add a whole folder, run: rag sync FOLDER"
            )
            return
        outcomes = ""
        for n, path in enumerate(files, start=1):
            remaining = note_markup(f"Files left to add: {len(files) - n}") if n < len(files) else ""
            for state in self._import(path.name, lambda on_progress, path=path: self._add_file(path, on_progress)):  # type: ignore[misc]
                yield f"{outcomes}{state}{remaining}"
            outcomes += state
            with contextlib.suppress(OSError):
                path.unlink()
                path.parent.rmdir()

    def _add_file(self, path: Path, on_progress: OnProgress) -> SyncReport:
        try:
            data = path.read_bytes()
        except FileNotFoundError:  # the same file was uploaded twice, and Gradio kept only one copy
            return SyncReport(unchanged=1)
        return self._library.add_bytes(data, path.name, on_progress=on_progress)

    def add_page(self, url: str) -> Iterator[str]:
        """Adds a web page; yields markup that shows the progress and the outcome."""
        address = url.strip()
        if not is_url(address):
            yield error_markup("This is not a web address. Enter one that starts with https:// or http://")
            return
        yield from self._import(address, lambda on_progress: self._library.add(address, on_progress=on_progress))

    def load_sample(self) -> Iterator[str]:
        """Adds the sample document; yields markup that shows the progress and the outcome."""
        yield from self._import(_SAMPLE.name, lambda on_progress: self._add_file(_SAMPLE, on_progress))

    def read_again(self, command: str, row_names: Sequence[str]) -> Iterator[Any]:
        """Reloads the document in a table row (command "reread 3"); yields markup with the progress and the outcome."""
        action, n = parse_command(command)
        if action != "reread" or not 0 <= n < len(row_names):
            yield gr.skip()
            return
        name = row_names[n]
        yield from self._import(name, lambda on_progress: self._library.reload(name, on_progress=on_progress))

    def confirm_deletion(self, command: str, row_names: Sequence[str]) -> Updates:
        """Asks for confirmation before the document in a table row is deleted (command "delete 3")."""
        action, n = parse_command(command)
        if action != "delete" or not 0 <= n < len(row_names):
            return {self._to_delete: ""}
        name = one_line(row_names[n])
        text = (
            f"<p>Delete “{name}”? Its text, passages and vectors will be erased from the index. "
            "The original file will not be deleted.</p>"
        )
        return {
            self._confirmation: gr.Column(visible=True),
            self._confirmation_text: text,
            self._to_delete: row_names[n],
        }

    def _close_confirmation(self) -> Updates:
        return {self._confirmation: gr.Column(visible=False), self._to_delete: ""}

    def delete(self, name: str, count: int) -> Updates:
        """Deletes a document from the index."""
        outcome = ""
        if name:
            try:
                self._library.remove(name)
                outcome = note_markup(f"“{name}” was deleted from the index.")
            except RagError as error:
                outcome = error_markup(error)
        return {**self._close_confirmation(), self._outcome: outcome, self._count: count + 1}

    def _import(self, name: str, import_: Import) -> Iterator[str]:
        """Runs an import; yields markup that shows its progress, and finally its outcome."""
        reports: list[Progress] = []
        job = BackgroundJob(lambda: document_table.import_markup(import_(reports.append)))
        for _ in job.polls():
            yield note_markup(f"{name}: {document_table.stage_text(reports[-1] if reports else None)}…")
        yield f'<div class="imported">{note_markup(name)}{job.outcome}</div>'
