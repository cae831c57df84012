"""The room of documents: taking them in, the list, reading again, deleting. Thin handlers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from rag.errors import RagError
from rag.files import is_url
from rag.library import Library
from rag.page import shelf, show
from rag.page.common import HIDDEN, MARKUP, QUIET, Aside, about, command, problem
from rag.records import Progress, SyncReport

MOST_FILES = 200  # of one upload
_REFRESHED_S = 2.0
_SAMPLE = Path(__file__).parent / "sample.md"

Read = Callable[[Callable[[Progress], None]], SyncReport]


class DocumentsRoom:
    """Its handlers and components."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def build(self, page: gr.Blocks, head: gr.Markdown, told: Callable[[], str]) -> None:
        """Lays the room out.

        Args:
            page: The page.
            head: Its first line.
            told: What that says.
        """
        listed, doomed, version = gr.State([]), gr.State(""), gr.State(-1)
        with gr.Row(elem_id="taking-in"):
            upload = gr.File(label="Drop files here", file_count="multiple", elem_id="upload", height=120, scale=3)
            with gr.Column(scale=2):
                url = gr.Textbox("", label="A web page", placeholder="https://…", elem_id="url", max_length=2000)
                with gr.Row():
                    add = gr.Button("Add page", size="sm", elem_id="add-url")
                    sample = gr.Button("Load the sample", size="sm", elem_id="load-sample")
        progress = gr.Markdown("", elem_id="importing", **MARKUP)
        with gr.Row(elem_id="finding"):
            wanted = gr.Textbox("", show_label=False, label="Search documents", placeholder="Search documents",
                                elem_id="find-document", container=False, scale=3)  # fmt: skip
            order = gr.Dropdown(list(shelf.ORDERS), value=next(iter(shelf.ORDERS)), show_label=False, label="Sort",
                                elem_id="order", container=False, scale=1)  # fmt: skip
        with gr.Column(visible=False, elem_id="deleting") as deleting:
            question = gr.Markdown("", **MARKUP)
            with gr.Row():
                delete = gr.Button("Delete for good", variant="stop", size="sm", elem_id="delete-it")
                keep = gr.Button("Keep it", size="sm")
        table = gr.Markdown("", elem_id="documents", **MARKUP)
        do = gr.Textbox("", show_label=False, elem_id="do-document", elem_classes=HIDDEN)

        def refresh(seen: int, words: str, by: str) -> tuple[Any, ...]:
            now = self._library.version()
            return (gr.skip(),) * 4 if now == seen else (*self.list(words, by), now, told())

        shown = [table, listed]
        relist: dict[str, Any] = {"fn": self.list, "inputs": [wanted, order], "outputs": shown, **QUIET}
        wanted.change(**relist)
        order.change(**relist)
        looked = {"fn": refresh, "inputs": [version, wanted, order], "outputs": [*shown, version, head], **QUIET}
        gr.Timer(_REFRESHED_S).tick(**looked)
        page.load(**looked)
        importing: dict[str, Any] = {"outputs": progress, "concurrency_limit": 4, **QUIET}
        for event in (
            upload.upload(self.take_in, upload, **importing),
            gr.on([add.click, url.submit], self.add_page, url, **importing),
            sample.click(self.load_sample, None, **importing),
            do.change(self.read_again, [do, listed], **importing),
        ):
            event.then(**relist).then(lambda: (None, ""), None, [upload, url], **QUIET)
        do.change(self.ask_to_delete, [do, listed], [deleting, question, doomed], **QUIET)
        keep.click(lambda: (gr.Column(visible=False), ""), None, [deleting, doomed], **QUIET)
        delete.click(self.delete, doomed, [deleting, doomed, progress], **QUIET).then(**relist)

    def list(self, wanted: str, order: str) -> tuple[str, list[str]]:
        """The list, and the names of its rows."""
        return shelf.listed(self._library.documents(), wanted, order)

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
            with contextlib.suppress(OSError):  # each upload lies in a folder of its own
                path.unlink()
                path.parent.rmdir()

    def _add_file(self, path: Path, told: Callable[[Progress], None]) -> SyncReport:
        return self._library.add_stream(path.read_bytes(), path.name, progress=told)

    def add_page(self, url: str) -> Iterator[str]:
        """Takes a web page in."""
        address = url.strip()
        if not is_url(address):
            yield problem("that is no address of a page: it begins with https:// or http://")
            return
        yield from self._told_of(address, lambda told: self._library.add(address, progress=told))

    def load_sample(self) -> Iterator[str]:
        """Takes a document in that shows how rag works."""
        yield from self._told_of(_SAMPLE.name, lambda told: self._add_file(_SAMPLE, told))

    def read_again(self, word: str, names: Sequence[str]) -> Iterator[Any]:
        """Reads a document of the list again."""
        act, n = command(word)
        if act != "reread" or not 0 <= n < len(names):
            yield gr.skip()
            return
        yield from self._told_of(names[n], lambda told: self._library.reread(names[n], progress=told))

    def ask_to_delete(self, word: str, names: Sequence[str]) -> tuple[Any, Any, Any]:
        """Asks before a document of the list is deleted."""
        act, n = command(word)
        if act != "delete" or not 0 <= n < len(names):
            return (gr.skip(),) * 3
        asked = f"<p>Delete “{show.one_line(names[n])}”? Its text, passages and vectors go for good; its file stays.</p>"
        return gr.Column(visible=True), asked, names[n]

    def delete(self, name: str) -> tuple[Any, str, str]:
        """Deletes a document for good."""
        said = ""
        if name:
            try:
                self._library.remove(name)
                said = about(f"“{name}” is deleted")
            except RagError as error:
                said = problem(error)
        return gr.Column(visible=False), "", said

    def _told_of(self, name: str, read: Read) -> Iterator[str]:
        """Runs an import, and says how it goes."""
        at: list[Progress] = []
        importing = Aside(lambda: shelf.imported(read(at.append)))
        for _ in importing.looks():
            stage = f"embedding, {at[-1].passages:,} passages" if at and at[-1].passages else "reading"
            yield about(f"{name}: {stage}…")
        yield f'<div class="imported">{about(name)}{importing.outcome}</div>'
