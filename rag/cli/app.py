"""The command line. A command reads its words, calls the library once, prints, and returns an exit code.

What is printed is made in `terminal`. The home of typer.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from rag.cli import evaluation, rendering
from rag.cli.session import Json, NoSync, import_progress, opened, print_json, say, show_lines
from rag.configuration import agree, load_settings, untrusted_addresses
from rag.errors import EmbedderError, IndexBusyError, RagError, SettingsError, SourceError, StorageError
from rag.records import Answer, Filter, SyncReport
from rag.settings import ResolvedSettings, masked

_INTERRUPTED = 130

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
                  context_settings={"help_option_names": ["-h", "--help"]})  # fmt: skip

_K = Annotated[int | None, typer.Option("-k", min=1, max=100, help="Passages an answer may rest on.")]
_Source = Annotated[
    list[str] | None, typer.Option("--source", help="Only documents whose source fits this pattern (*, ?).")
]
_Since = Annotated[str, typer.Option(help="Only documents of this date or later (2025-06-13, 2025-06, 2025).")]
_Until = Annotated[str, typer.Option(help="Only documents of this date or earlier.")]
_Meta = Annotated[list[str] | None, typer.Option("--meta", help="Only documents with this field: author='Jane Doe'.")]


@app.callback(epilog='Begin with: rag ask "What did India raise with Sun Weidong?"')
def main(
    context: typer.Context,
    index: Annotated[str | None, typer.Option(help="Folder of the index [default: ./index, RAG_INDEX].")] = None,
    model: Annotated[str | None, typer.Option(help="Model that writes answers; 'none' quotes instead.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Its server, if not OpenAI: http://127.0.0.1:11434/v1")] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Let this folder's rag.toml send text to the hosts it names.")
    ] = False,
) -> None:
    """Answers questions from your own documents, every claim with a citation to the exact characters."""
    flags = {"index": index, "model": model, "base_url": base_url}
    context.obj = lambda: _trusted(load_settings(flags), trust)


@app.command(epilog='Example: rag ask "Who met Sun Weidong in New Delhi?" --since 2025-06')
def ask(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="The question.")],
    k: _K = None,
    source: _Source = None,
    since: _Since = "",
    until: _Until = "",
    meta: _Meta = None,
    no_sync: NoSync = False,
    as_json: Json = False,
) -> None:
    """Answer a question, with citations; first bring the index in step with the folder of `documents`."""
    from rag.records import AnswerDone, TextDelta
    from rag.retrieval.search import checked_question

    question = checked_question(question)  # before anything is looked for
    with opened(context, sync_first=not no_sync, quiet=as_json) as library:
        live = rendering.Live() if not as_json and sys.stdout.isatty() else None
        for event in library.stream(question, k=k, filters=_filter(source, since, until, meta)):
            if isinstance(event, TextDelta) and live:
                print(live.shown(event.text), end="", flush=True)
            elif isinstance(event, AnswerDone):
                print(live.rest() if live else "", end="")
                _show_answer(event.answer, as_json=as_json, said=live is not None)
        sys.stdout.flush()


@app.command(epilog="Example: rag chat --source 'reports/*'")
def chat(
    context: typer.Context,
    k: _K = None,
    source: _Source = None,
    since: _Since = "",
    until: _Until = "",
    meta: _Meta = None,
    no_sync: NoSync = False,
) -> None:
    """Ask, and ask on: follow-ups are understood, Ctrl-C stops an answer, Ctrl-D ends."""
    from rag.cli.chat import Chat

    filters = _filter(source, since, until, meta)
    with opened(context, sync_first=not no_sync) as library:
        Chat(library, k, filters, say).run()


@app.command(epilog="Example: rag search 'rare earth magnets' -k 3 --json")
def search(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="What to look for.")],
    k: Annotated[int | None, typer.Option("-k", min=1, max=100, help="How many passages.")] = None,
    source: _Source = None,
    since: _Since = "",
    until: _Until = "",
    meta: _Meta = None,
    no_sync: NoSync = False,
    as_json: Json = False,
) -> None:
    """List the passages that bear on a question, best first, and why each was found."""
    from rag.retrieval.search import checked_question

    question = checked_question(question)
    with opened(context, sync_first=not no_sync, quiet=as_json) as library:
        found = library.search_with_timings(question, k, filters=_filter(source, since, until, meta))
        if as_json:
            from rag.schemas.answers import SCHEMA_VERSION, hit_json

            print_json({"schema_version": SCHEMA_VERSION, "question": question, "notice": found.notice,
                        "hits": [hit_json(hit) for hit in found.hits], "timings_ms": found.timings_ms})  # fmt: skip
            return
        for n, hit in enumerate(found.hits, start=1):
            print(rendering.hit(n, hit))
        say(
            found.notice
            if found.hits
            else found.notice or "nothing was found: the index is empty, or the filter lets nothing pass"
        )


@app.command(epilog='Example: rag why "Who met Sun Weidong?" --expect "the curbs were raised"')
def why(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="The question.")],
    expect: Annotated[str, typer.Option("--expect", help="Words as they stand in a document.")],
    k: _K = None,
    source: _Source = None,
    since: _Since = "",
    until: _Until = "",
    meta: _Meta = None,
    no_sync: NoSync = False,
    as_json: Json = False,
) -> None:
    """Ask, and say at which stage an expected passage was lost on its way into the answer."""
    with opened(context, sync_first=not no_sync, quiet=as_json) as library:
        reason = library.explain(question, expect, k=k, filters=_filter(source, since, until, meta))
    if as_json:
        from rag.schemas.answers import why_json

        print_json(why_json(reason))
    else:
        show_lines(rendering.reason(reason))


@app.command(epilog="Example: rag add report.pdf notes/")
def add(
    context: typer.Context,
    paths: Annotated[list[str], typer.Argument(help="Files, folders, addresses of web pages, or - for standard input.")],
    name: Annotated[str, typer.Option("--name", help="What standard input is called; the suffix says what it is.")] = "",
    as_json: Json = False,
) -> None:
    """Take in files, all files of folders, web pages, or standard input. Nothing is removed."""
    with opened(context) as library, import_progress(as_json) as progress:
        named = [path for path in paths if path != "-"]
        report = library.add(*named, on_progress=progress)
        if len(named) < len(paths):
            data = sys.stdin.buffer.read()
            report = report.joined(library.add_bytes(data, name or "standard input.txt", on_progress=progress))
    _show_report(report, as_json)


@app.command(epilog="Example: rag refresh")
def refresh(context: typer.Context, as_json: Json = False) -> None:
    """Fetch again the web pages that have changed."""
    with opened(context) as library, import_progress(as_json) as progress:
        report = library.refresh(on_progress=progress)
    _show_report(report, as_json)


@app.command(epilog="Example: rag sync ~/papers")
def sync(
    context: typer.Context,
    folder: Annotated[str | None, typer.Argument(help="The folder [default: the setting documents].")] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Remove what vanished, even where much of it did.")] = False,
    as_json: Json = False,
) -> None:
    """Make the index equal to a folder: new, changed, and gone."""
    with opened(context) as library, import_progress(as_json) as progress:
        report = library.sync(_named_folder(folder, library, "sync"), prune=prune, on_progress=progress)
    _show_report(report, as_json)


@app.command(epilog="Example: rag watch ~/papers")
def watch(
    context: typer.Context,
    folder: Annotated[str | None, typer.Argument(help="The folder [default: the setting documents].")] = None,
    as_json: Json = False,
) -> None:
    """Keep the index in step with a folder as it changes, until Ctrl-C."""
    import threading

    from rag.sources.watching import changes

    with opened(context) as library:
        folder = _named_folder(folder, library, "watch")
        said, first = "", True
        for _ in changes(Path(folder).expanduser(), threading.Event()):
            try:
                with import_progress(as_json) as progress:
                    report = library.sync(folder, on_progress=progress)
                library.sync_vectors()
            except (IndexBusyError, SourceError, EmbedderError, StorageError) as error:
                if first and isinstance(error, SourceError):
                    raise
                if str(error) != said:
                    say(f"waiting: {error}")
                said = str(error)
                continue
            if first or report.added or report.updated or report.removed or report.held or said:
                _tell(report, as_json)
            said, first = "", False


@app.command(name="ls", epilog="Example: rag ls --failed")
def list_documents(
    context: typer.Context,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that could not be read, and why.")] = False,
    as_json: Json = False,
) -> None:
    """List the documents."""
    from rag.schemas.answers import document_json

    with opened(context) as library:
        infos = [info for info in library.documents() if not failed or info.state == "failed"]
    if as_json:
        print_json([document_json(info) for info in infos])
        return
    for info in infos:
        print(rendering.document(info))
    if infos:
        say(rendering.documents_total(infos))
    else:
        say("every file could be read" if failed else "no documents yet; take some in with: rag add FILE")


@app.command(epilog="Example: rag ask 'Who came?' --json > answer.json; rag verify answer.json")
def verify(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="An answer that `rag ask --json` printed, or - for standard input.")],
    as_json: Json = False,
) -> None:
    """Say of each citation of a saved answer whether its words still stand, and what stands in their place."""
    from rag.schemas.answers import saved_answer, verify_json

    try:
        question, saved = saved_answer(sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{file!r} cannot be read ({error})", "check the path") from None
    with opened(context) as library:
        traces = [(one, library.trace_citation(one)) for one in saved]
    if as_json:
        print_json(verify_json(question, traces))
    for one, found in traces if not as_json else ():
        show_lines(rendering.trace(one, found))
    if any(found.state in ("changed", "deleted") for _, found in traces):
        raise typer.Exit(1)


@app.command(epilog="Example: rag show india-raises-rare-earth-curbs-with-china.txt")
def show(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="The document, as `rag ls` names it.")],
    as_json: Json = False,
) -> None:
    """Print a document's canonical text, byte for byte as offsets see it."""
    with opened(context) as library:
        document = library.document(source)
    if as_json:
        print_json({f.name: getattr(document, f.name) for f in fields(document)})
        return
    # Bytes, so that nothing is added or translated on the way; a terminal gets it without control characters.
    text = rendering.plain(document.text) if sys.stdout.isatty() else document.text
    sys.stdout.buffer.write(text.encode("utf-8"))
    sys.stdout.buffer.flush()


@app.command(name="rm", epilog="Example: rag rm old-notes.md")
def remove(
    context: typer.Context,
    sources: Annotated[list[str], typer.Argument(help="Documents, as `rag ls` names them.")],
    as_json: Json = False,
) -> None:
    """Forget documents. A file of a synced folder stays out until it is added by name."""
    with opened(context) as library:
        removed = library.remove(*sources)
    if as_json:
        print_json({"removed": removed})
    else:
        print(f"forgot {removed} document{'s' * (removed != 1)}")


@app.command(epilog="Example: RAG_PASSAGE_TOKENS=128 rag reindex")
def reindex(context: typer.Context, as_json: Json = False) -> None:
    """Cut and embed all documents anew as the settings say, beside the old; with the old settings it goes back."""
    with opened(context) as library, import_progress() as progress:
        report = library.reindex(on_progress=progress)
    if as_json:
        from rag.schemas.answers import reindex_json

        print_json(reindex_json(report))
    else:
        print(rendering.reindexed(report))


@app.command(epilog="Example: rag backup ~/backups/papers.sqlite3")
def backup(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="Where to; a new file.")],
    as_json: Json = False,
) -> None:
    """Copy the index as it is now into one file, while others go on using it."""
    with opened(context) as library:
        size = library.back_up(file)
    if as_json:
        print_json({"file": file, "bytes": size})
    else:
        print(rendering.plain(f"{file}: {size:,} bytes, whole; `rag restore` puts it back"))


@app.command(epilog="Example: rag restore ~/backups/papers.sqlite3")
def restore(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="A file made by `rag backup`.")],
    as_json: Json = False,
) -> None:
    """Put a backup in the place of the index; the old one is kept beside it until `rag compact`."""
    from rag.library import Library

    old = Library.restore(file, context.obj().settings.index)
    if as_json:
        print_json({"restored": file, "old": str(old) if old else None})
    else:
        print(rendering.plain(f"restored {file}" + (f"; what was there is in {old}" if old else "")))


@app.command(epilog="Example: rag rm old-notes.md && rag compact")
def compact(context: typer.Context, as_json: Json = False) -> None:
    """Leave nothing of removed documents in the index's files, and give back the space."""
    with opened(context) as library:
        before, after = library.compact()
    if as_json:
        print_json({"bytes_before": before, "bytes_after": after})
    else:
        print(f"{before:,} bytes before, {after:,} after; nothing is left of what was removed")


@app.command(epilog="Example: rag models")
def models(as_json: Json = False) -> None:
    """List the model servers found on this machine; nothing is sent to them until one is named."""
    from rag.models.local_servers import find_local_servers

    found = find_local_servers()
    if as_json:
        print_json([asdict(server) for server in found])
        return
    show_lines(rendering.local_servers(found))


@app.command(epilog="Example: RAG_K=5 rag config")
def config(context: typer.Context, as_json: Json = False) -> None:
    """Print the settings in force, and where each comes from."""
    resolved: ResolvedSettings = context.obj()
    shown = {
        field.name: masked(value) if field.name == "api_key" else value
        for field in fields(resolved.settings)
        for value in [getattr(resolved.settings, field.name)]
    }
    if as_json:
        print_json({name: {"value": value, "from": resolved.origins[name]} for name, value in shown.items()})
        return
    for name, value in shown.items():
        print(rendering.plain(f"{name:16} {value!s:32} {resolved.origins[name]}"))
    where = resolved.settings.remote_addresses()
    print("\n" + ("; ".join(f"{what} go to {host}" for what, host in where.items()) or "nothing leaves this machine"))


@app.command(epilog="Example: rag doctor --repair")
def doctor(
    context: typer.Context,
    repair: Annotated[bool, typer.Option("--repair", help="Build anew what can be built from the catalog.")] = False,
    as_json: Json = False,
) -> None:
    """Look the index over."""
    from rag.schemas.answers import doctor_json

    with opened(context, accept_data_loss=repair) as library:
        health = library.check(repair=repair)
    if as_json:
        print_json(doctor_json(health))
    else:
        show_lines(rendering.health(health))
    raise typer.Exit(4 if health.problems else 0)


app.command(name="eval", epilog=evaluation.EVAL_EXAMPLE)(evaluation.evaluate)
app.command(epilog="Example: rag runs 3 --out run.json")(evaluation.runs)
app.command(epilog="Example: rag calibrate questions.yaml --error-rate 0.05")(evaluation.calibrate)
app.command(epilog="Example: rag judge claims.jsonl --corpus corpus.jsonl --limit 200")(evaluation.judge)


@app.command(epilog="Example: rag ui --port 7861")
def ui(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 7860,
    name: Annotated[list[str] | None, typer.Option(help="Another name it is reached by, such as a proxy's.")] = None,
    certificate: Annotated[str, typer.Option(help="File of the certificate for https, PEM.")] = "",
    key: Annotated[str, typer.Option(help="File of the certificate's key.")] = "",
) -> None:
    """Open the page: a chat beside its sources. Beyond this machine (--host) it demands the account of `rag account`."""
    from rag.server.application import serve

    resolved: ResolvedSettings = context.obj()
    serve(resolved.settings, host, port, names=tuple(name or ()), certificate=certificate, key=key)


@app.command(epilog="Example: rag account jane")
def account(
    context: typer.Context,
    user: Annotated[str, typer.Argument(help="The name to log in with.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Make the account that the page demands where others can reach it, or give it another password."""
    from rag.server.accounts import create

    resolved: ResolvedSettings = context.obj()
    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    create(Path(resolved.settings.index), user, password)
    print(
        rendering.plain(
            f"account {user!r} of {resolved.settings.index}; a page that is open takes it when it is opened anew"
        )
    )


def run() -> NoReturn:
    """The entry of the `rag` script: what every error ends in."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an old locale cannot show everything
    try:
        ended = app(standalone_mode=False)
        code = ended if isinstance(ended, int) else 0  # typer.Exit comes back as a value, Ctrl-C as 130
        if code == _INTERRUPTED:
            say("interrupted; what was acknowledged is kept")
    except RagError as error:
        code = _failed(error)
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted; what was acknowledged is kept")
        code = _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        code = _unexpected(error)
    sys.exit(code)


def _failed(error: RagError) -> int:
    if os.environ.get("RAG_DEBUG"):
        traceback.print_exc()
    say(f"rag: {error}" + (f"\n     {error.hint}" if error.hint else ""))
    return error.exit_code


def _unexpected(error: Exception) -> int:
    # typer's usage errors carry their own text and code; it bundles click, so they are known by shape.
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        say(f"rag: {error.format_message()}\n     `rag --help` lists the commands")
        return int(error.exit_code)
    if os.environ.get("RAG_DEBUG"):
        traceback.print_exc()
    if isinstance(error, UnicodeError):
        say("rag: an argument is not text in this terminal's encoding\n     write it in UTF-8")
        return 1
    if isinstance(error, OSError):
        say(f"rag: {error.strerror or error}: {error.filename or ''}\n     check the disk and the permissions")
        return 4
    say(f"rag: something went wrong that should not ({type(error).__name__})\n     RAG_DEBUG=1 shows where")
    return 4


def _trusted(resolved: ResolvedSettings, trust: bool) -> ResolvedSettings:
    hosts = untrusted_addresses(resolved)
    if not hosts:
        return resolved
    names = ", ".join(hosts)
    if not trust and sys.stdin.isatty() and sys.stderr.isatty():
        trust = typer.confirm(f"The rag.toml of this folder would send your text to {names}. Allow it?", err=True)
    if not trust:
        raise SettingsError(
            f"the rag.toml of this folder would send your text to {names}", "allow it once with: rag --trust …"
        )
    agree(hosts)
    return resolved


def _filter(source: list[str] | None, since: str, until: str, meta: list[str] | None) -> Filter:
    pairs = [field.partition("=") for field in meta or []]
    if any(not equals for _, equals, _ in pairs):
        raise SettingsError("--meta wants FIELD=VALUE", "for example --meta author='Jane Doe'")
    return Filter(tuple(source or ()), since, until, {name: value for name, _, value in pairs})


def _show_answer(answer: Answer, *, as_json: bool, said: bool) -> None:
    if as_json:
        from rag.schemas.answers import ask_json

        print_json(ask_json(answer))
        return
    print("" if said else rendering.plain(answer.text))
    say(answer.notice)
    show_lines(rendering.footnotes(answer, with_claims=said))


def _named_folder(folder: str | None, library: Any, command: str) -> str:
    """The folder that was named, or that of the settings."""
    named = folder or str(library.settings.documents)
    if not named:
        raise SourceError("no folder was named", f"rag {command} FOLDER, or set documents in rag.toml")
    return named


def _tell(report: SyncReport, as_json: bool) -> None:
    if as_json:
        from rag.schemas.answers import sync_json

        print_json(sync_json(report))
    else:
        show_lines(rendering.report(report))
        for line in rendering.failures(report):
            say(line)
    sys.stdout.flush()


def _show_report(report: SyncReport, as_json: bool) -> None:
    _tell(report, as_json)
    raise typer.Exit(3 if report.failed else 0)


if __name__ == "__main__":
    run()
