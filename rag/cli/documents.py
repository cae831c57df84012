"""The commands for managing documents: `rag add`, `sync`, `watch`, `refresh`, `ls`, `show`, `rm`, `verify`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli import rendering
from rag.cli.session import (
    Json,
    JsonLines,
    one_format,
    print_error,
    print_json,
    print_json_lines,
    print_lines,
    session_of,
)
from rag.errors import EmbedderError, IndexBusyError, SourceError, StorageError
from rag.records import SyncReport

if TYPE_CHECKING:
    from rag.library import Library

commands = typer.Typer()

_NO_DOCUMENTS = "found no documents (check the path, .ragignore, and the settings include and exclude)"
_NO_WEB_PAGES = "the index has no web pages; add one with: rag add URL"
_Folder = Annotated[str | None, typer.Argument(metavar="FOLDER", help="The folder [default: the `documents` setting].")]


@commands.command(epilog="Example: rag add report.pdf notes/")
def add(
    context: typer.Context,
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Files, folders, URLs, or - to read standard input.")],
    name: Annotated[
        str,
        typer.Option("--name", metavar="NAME", help="Document name for standard input; its extension sets the file type."),
    ] = "standard input.txt",
    as_json: Json = False,
) -> None:
    """Add files, folders or web pages to the index.

    Documents that are already in the index are updated. No documents are removed.
    """
    session = session_of(context)
    with session.library() as library:
        with session.import_progress(as_json) as progress:
            named = [path for path in paths if path != "-"]
            report = library.add(*named, on_progress=progress)
            if len(named) < len(paths):
                data = sys.stdin.buffer.read()
                report = report.joined(library.add_bytes(data, name, on_progress=progress))
        _print_report(report, as_json)
    raise typer.Exit(_exit_code(report))


@commands.command(short_help="Sync the index with a folder.", epilog="Example: rag sync ~/papers")
def sync(
    context: typer.Context,
    folder: _Folder = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove all documents that are missing from the folder, even if there are many.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Add, update, rename and remove documents to match the files in a folder.

    If more than a fifth of the documents are missing from the folder, the missing documents are kept unless you use
    `--prune`.
    """
    session = session_of(context)
    with session.library() as library:
        with session.import_progress(as_json) as progress:
            report = library.sync(_chosen_folder(folder, library, "sync"), prune=prune, on_progress=progress)
        _print_report(report, as_json)
    raise typer.Exit(_exit_code(report))


@commands.command(epilog="Example: rag watch ~/papers")
def watch(context: typer.Context, folder: _Folder = None, as_json: Json = False) -> None:
    """Sync the index with a folder whenever the folder changes.

    Runs until you press Ctrl-C.
    """
    import threading

    from rag.sources.watching import folder_changes

    session = session_of(context)
    with session.library() as library:
        root = _chosen_folder(folder, library, "watch")
        problem, is_first = "", True
        for _ in folder_changes(Path(root).expanduser(), threading.Event()):
            try:
                with session.import_progress(as_json) as progress:
                    report = library.sync(root, on_progress=progress)
            except (IndexBusyError, SourceError, EmbedderError, StorageError) as error:
                if is_first and isinstance(error, SourceError):
                    raise
                if str(error) != problem:
                    print_error(f"cannot sync yet, will try again: {error}")
                problem = str(error)
                continue
            if is_first or problem or report.added or report.updated or report.removed or report.held:
                _print_report(report, as_json, one_line=True)
            problem, is_first = "", False
            library.sync_vectors()


@commands.command(epilog="Example: rag refresh")
def refresh(context: typer.Context, as_json: Json = False) -> None:
    """Fetch all web pages again and update those that changed."""
    session = session_of(context)
    with session.library() as library:
        with session.import_progress(as_json) as progress:
            report = library.refresh(on_progress=progress)
        _print_report(report, as_json, if_empty=_NO_WEB_PAGES)
    raise typer.Exit(_exit_code(report))


@commands.command(name="ls", epilog="Example: rag ls --failed")
def list_documents(
    context: typer.Context,
    failed: Annotated[
        bool, typer.Option("--failed", help="List only the files that could not be read, with the reasons.")
    ] = False,
    versions_of: Annotated[
        str, typer.Option(metavar="SOURCE", help="List only the other versions of this document, the newest first.")
    ] = "",
    as_json: Json = False,
    as_jsonl: JsonLines = False,
) -> None:
    """List the documents in the index."""
    one_format(as_json, as_jsonl)
    session = session_of(context)
    with session.library() as library:
        listed = library.versions(versions_of) if versions_of else library.documents()
        infos = [info for info in listed if not failed or info.state == "failed"]
    if as_json or as_jsonl:
        from rag.schemas.documents import document_json

        rows = [document_json(info) for info in infos]
        print_json(rows) if as_json else print_json_lines(rows)
        return
    print_lines(map(rendering.document, infos))
    if infos:
        session.note(rendering.documents_total(infos))
    elif versions_of:
        session.note("no other document is a version of it")
    else:
        session.note("all files could be read" if failed else "no documents yet; add some with: rag add FILE")


@commands.command(epilog="Example: rag show india-raises-rare-earth-curbs-with-china.txt")
def show(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The document's name, as listed by `rag ls`.")],
    with_blocks: Annotated[
        bool, typer.Option("--blocks", help="Print the document's parts, such as headings, lists and tables, one per line.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print a document's text.

    The character positions in citations refer to this text.
    """
    with session_of(context).library() as library:
        document = library.document(source)
    if as_json:
        from rag.schemas.documents import show_json

        print_json(show_json(document))
        return
    if with_blocks:
        print_lines(rendering.blocks(document))
        return
    # Write bytes, so that Python neither adds nor changes line breaks. On a terminal, replace control characters.
    text = rendering.plain(document.text) if sys.stdout.isatty() else document.text
    sys.stdout.buffer.write(text.encode("utf-8"))
    sys.stdout.buffer.flush()


@commands.command(name="rm", epilog="Example: rag rm old-notes.md")
def remove(
    context: typer.Context,
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE", help="The documents' names, as listed by `rag ls`.")],
    as_json: Json = False,
) -> None:
    """Remove documents from the index.

    The files themselves are not deleted. To add a removed file again, use `rag add`; `rag sync` skips it.
    """
    with session_of(context).library() as library:
        removed = library.remove(*sources)
        if as_json:
            from rag.schemas.documents import remove_json

            print_json(remove_json(removed))
        else:
            print(f"removed {rendering.counted(removed, 'document')}", flush=True)


@commands.command(epilog="Example: rag ask 'Who met Sun Weidong?' --json > answer.json; rag verify answer.json")
def verify(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="File with the output of `rag ask --json`, or - to read standard input.")
    ],
    as_json: Json = False,
) -> None:
    """Check the citations in a saved answer against the documents.

    Reports whether each cited text is unchanged, moved, changed or deleted. Exits with code 1 if any text was changed
    or deleted.
    """
    from rag.schemas.answers import saved_answer, verify_json

    question, citations = saved_answer(_read(file))
    with session_of(context).library() as library:
        traces = [(citation, library.trace_citation(citation)) for citation in citations]
    if as_json:
        print_json(verify_json(question, traces))
    else:
        print_lines(line for citation, trace in traces for line in rendering.trace(citation, trace))
    raise typer.Exit(int(any(trace.state in ("changed", "deleted") for _, trace in traces)))


def _read(file: str) -> str:
    """Returns the text in a file, or on standard input if the name is "-"."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot read {file!r}: {error}", "check the path; the file must be UTF-8 text") from None


def _chosen_folder(named: str | None, library: Library, command: str) -> str:
    """Returns the folder given on the command line, or else the one in the `documents` setting."""
    folder = named or library.settings.documents
    if not folder:
        raise SourceError("no folder given", f"use: rag {command} FOLDER, or set documents in rag.toml")
    return folder


def _print_report(report: SyncReport, as_json: bool, *, one_line: bool = False, if_empty: str = _NO_DOCUMENTS) -> None:
    """Prints what was saved. Called while the library is open, because updating Chroma on closing may take a while."""
    if as_json:
        from rag.schemas.documents import sync_json

        print_json_lines([sync_json(report)]) if one_line else print_json(sync_json(report))
    else:
        print_lines(rendering.report(report, if_empty))
        for line in rendering.failures(report):
            print_error(line)
    sys.stdout.flush()


def _exit_code(report: SyncReport) -> int:
    return 3 if report.failed else 0
