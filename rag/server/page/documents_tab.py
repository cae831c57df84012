"""The room of documents: taking them in, the list, reading again, deleting. Thin handlers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from rag.errors import RagError
from rag.library import Library
from rag.records import Progress, SyncReport
from rag.server.page.events import HIDDEN, MARKUP, QUIET, Aside, Updates, about, command, problem
from rag.server.page.views import answer_view, document_table
from rag.sources.files import is_url

MOST_FILES = 200  # of one upload
_SAMPLE = Path(__file__).parent / "sample.md"

Read = Callable[[Callable[[Progress], None]], SyncReport]


class DocumentsRoom:
    """Its handlers and components. Constructed within a `gr.Blocks`, it lays itself out."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._listed, self._doomed = gr.State([]), gr.State("")
        with gr.Row(elem_id="taking-in"):
            self._upload = gr.File(
                show_label=False, label="Files to take in", file_count="multiple", elem_id="upload", height=120, scale=3
            )
            with gr.Column(scale=2):
                self._url = gr.Textbox("", label="A web page", placeholder="https://…", elem_id="url", max_length=2000)
                with gr.Row():
                    self._add = gr.Button("Add page", size="sm", elem_id="add-url")
                    self._sample = gr.Button("Load the sample", size="sm", elem_id="load-sample")
        self._progress = gr.Markdown("", elem_id="importing", **MARKUP)
        with gr.Row(elem_id="finding"):
            self._wanted = gr.Textbox("", show_label=False, label="Search documents", placeholder="Search documents",
                                      elem_id="find-document", container=False, scale=3)  # fmt: skip
            self._order = gr.Dropdown(list(document_table.ORDERS), value=next(iter(document_table.ORDERS)), label="Sort",
                                      show_label=False, elem_id="order", container=False, scale=1)  # fmt: skip
        with gr.Column(visible=False, elem_id="deleting") as self._deleting:
            self._question = gr.Markdown("", **MARKUP)
            with gr.Row():
                self._delete = gr.Button("Delete for good", variant="stop", size="sm", elem_id="delete-it")
                self._keep = gr.Button("Keep it", size="sm")
        self._table = gr.Markdown("", elem_id="documents", **MARKUP)
        self._do = gr.Textbox("", show_label=False, label="Do with a document", elem_id="do-document", elem_classes=HIDDEN)
        self._count = gr.State(0)  # of what was done here

    @property
    def changed(self) -> Any:
        """The event that follows whatever was done to documents here."""
        return self._count.change

    def wire(self, version: gr.State) -> None:
        """Connects its components.

        Args:
            version: The library's, as this page knows it.
        """
        relist = {"fn": self.list, "inputs": [self._wanted, self._order], "outputs": [self._table, self._listed], **QUIET}
        for event in (version.change, self._wanted.change, self._order.change):
            event(**relist)
        importing: dict[str, Any] = {"outputs": self._progress, "concurrency_limit": 4, **QUIET}
        for done, box, empty in (
            (self._upload.upload(self.take_in, self._upload, **importing), self._upload, None),
            (gr.on([self._add.click, self._url.submit], self.add_page, self._url, **importing), self._url, ""),
        ):
            done.then(lambda count, empty=empty: (empty, count + 1), self._count, [box, self._count], **QUIET)
        for done in (
            self._sample.click(self.load_sample, None, **importing),
            self._do.change(self.read_again, [self._do, self._listed], **importing),
        ):
            done.then(lambda count: count + 1, self._count, self._count, **QUIET)
        asking = [self._deleting, self._question, self._doomed]
        self._do.change(self.ask_to_delete, [self._do, self._listed], asking, **QUIET)
        self._keep.click(lambda: {self._deleting: gr.Column(visible=False), self._doomed: ""}, None, asking, **QUIET)
        deleted = [self._deleting, self._doomed, self._progress, self._count]
        self._delete.click(self.delete, [self._doomed, self._count], deleted, **QUIET)

    def list(self, wanted: str, order: str) -> tuple[str, list[str]]:
        """The list, and the names of its rows."""
        return document_table.listed(self._library.documents(), wanted, order)

    def take_in(self, paths: Sequence[str] | None) -> Iterator[str]:
        """Takes uploaded files in, one after the other; what becomes of each is shown."""
        files = [Path(path) for path in paths or ()]
        if len(files) > MOST_FILES:
            yield problem(
                f"{len(files)} files at once are more than {MOST_FILES}; name their folder instead: rag sync FOLDER"
            )
            return
        done = ""
        for n, path in enumerate(files):
            rest = about(f"{len(files) - n - 1} more") if n + 1 < len(files) else ""
            for state in self._told_of(path.name, lambda told, path=path: self._add_file(path, told)):  # type: ignore[misc]
                yield f"{done}{state}{rest}"
            done += state
            with contextlib.suppress(OSError):
                path.unlink()
                path.parent.rmdir()

    def _add_file(self, path: Path, told: Callable[[Progress], None]) -> SyncReport:
        try:
            data = path.read_bytes()
        except FileNotFoundError:  # the same file was dropped twice at once: they lie at one place
            return SyncReport(unchanged=1)
        return self._library.add_bytes(data, path.name, on_progress=told)

    def add_page(self, url: str) -> Iterator[str]:
        """Takes a web page in."""
        address = url.strip()
        if not is_url(address):
            yield problem("that is no address of a page: it begins with https:// or http://")
            return
        yield from self._told_of(address, lambda told: self._library.add(address, on_progress=told))

    def load_sample(self) -> Iterator[str]:
        """Takes a document in that shows how rag works."""
        yield from self._told_of(_SAMPLE.name, lambda told: self._add_file(_SAMPLE, told))

    def read_again(self, word: str, names: Sequence[str]) -> Iterator[Any]:
        """Reads a document of the list again."""
        act, n = command(word)
        if act != "reread" or not 0 <= n < len(names):
            yield gr.skip()
            return
        yield from self._told_of(names[n], lambda told: self._library.reload(names[n], on_progress=told))

    def ask_to_delete(self, word: str, names: Sequence[str]) -> Updates:
        """Asks before a document of the list is deleted."""
        act, n = command(word)
        if act != "delete" or not 0 <= n < len(names):
            return {self._doomed: ""}
        name = answer_view.one_line(names[n])
        asked = f"<p>Delete “{name}”? Its text, passages and vectors go for good; its file stays.</p>"
        return {self._deleting: gr.Column(visible=True), self._question: asked, self._doomed: names[n]}

    def delete(self, name: str, count: int) -> Updates:
        """Deletes a document for good."""
        said = ""
        if name:
            try:
                self._library.remove(name)
                said = about(f"“{name}” is deleted")
            except RagError as error:
                said = problem(error)
        closed = {self._deleting: gr.Column(visible=False), self._doomed: ""}
        return closed | {self._progress: said, self._count: count + 1}

    def _told_of(self, name: str, read: Read) -> Iterator[str]:
        """Runs an import, and says how it goes."""
        at: list[Progress] = []
        importing = Aside(lambda: document_table.imported(read(at.append)))
        for _ in importing.looks():
            yield about(f"{name}: {document_table.stage(at[-1] if at else None)}…")
        yield f'<div class="imported">{about(name)}{importing.outcome}</div>'
