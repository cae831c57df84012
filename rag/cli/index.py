"""The commands for maintaining the index: `rag doctor`, `reindex`, `backup`, `restore`, `compact`."""

from __future__ import annotations

from typing import Annotated

import typer

from rag.cli import rendering
from rag.cli.session import Json, print_json, print_lines, session_of

commands = typer.Typer()


@commands.command(epilog="Example: rag doctor --repair")
def doctor(
    context: typer.Context,
    repair: Annotated[bool, typer.Option("--repair", help="Repair all problems that can be repaired.")] = False,
    as_json: Json = False,
) -> None:
    """Check the index for problems, and repair it with `--repair`.

    Exits with code 4 if any problems remain.
    """
    with session_of(context).library(accept_data_loss=repair) as library:
        health = library.check(repair=repair)
    if as_json:
        from rag.schemas.index import doctor_json

        print_json(doctor_json(health))
    else:
        print_lines(rendering.health(health))
    raise typer.Exit(4 if health.problems else 0)


@commands.command(
    short_help="Re-split and re-embed all documents, without downtime.",
    epilog="Example: RAG_PASSAGE_TOKENS=128 rag reindex",
)
def reindex(context: typer.Context, as_json: Json = False) -> None:
    """Re-split and re-embed all documents with the current settings, without downtime.

    The previous version of the index is kept until you run `rag compact`. Until then, you can switch back to it immediately
    by reindexing with the old settings.
    """
    session = session_of(context)
    with session.library() as library, session.import_progress() as progress:
        report = library.reindex(on_progress=progress)
    if as_json:
        from rag.schemas.index import reindex_json

        print_json(reindex_json(report))
    else:
        print(rendering.reindexed(report))


@commands.command(epilog="Example: rag backup papers.sqlite3")
def backup(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Backup file to create; it must not exist yet.")],
    as_json: Json = False,
) -> None:
    """Copy the index into one file, even while it is in use."""
    with session_of(context).library() as library:
        size = library.back_up(file)
    if as_json:
        from rag.schemas.index import backup_json

        print_json(backup_json(file, size))
    else:
        print(rendering.plain(f"created {file} ({size:,} bytes); restore it with: rag restore {file}"))


@commands.command(epilog="Example: rag restore papers.sqlite3")
def restore(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Backup file created by `rag backup`.")],
    as_json: Json = False,
) -> None:
    """Replace the index with a backup.

    The previous index is kept until you run `rag compact`.
    """
    from rag.library import Library

    old = Library.restore(file, session_of(context).settings.index)
    if as_json:
        from rag.schemas.index import restore_json

        print_json(restore_json(file, old))
    else:
        print(rendering.plain(f"restored {file}" + (f"; the previous index was moved to {old}" if old else "")))


@commands.command(epilog="Example: rag rm old-notes.md && rag compact")
def compact(context: typer.Context, as_json: Json = False) -> None:
    """Erase all traces of removed documents from disk.

    Also deletes the previous versions of the index that `rag reindex` and `rag restore` keep.
    """
    with session_of(context).library() as library:
        before, after = library.compact()
    if as_json:
        from rag.schemas.index import compact_json

        print_json(compact_json(before, after))
    else:
        print(f"erased all traces of removed documents; the index took up {before:,} bytes and now takes up {after:,}")
