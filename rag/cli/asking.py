"""The commands for asking and searching: `rag ask`, `rag chat`, `rag search`, `rag why`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Annotated

import typer

from rag.cli import rendering
from rag.cli.session import (
    Json,
    JsonLines,
    NoSync,
    Session,
    one_format,
    print_json,
    print_json_lines,
    print_lines,
    session_of,
)
from rag.errors import SettingsError
from rag.records import Answer, AnswerDone, Event, Filter, TextDelta

commands = typer.Typer()

_Question = Annotated[str, typer.Argument(metavar="QUESTION", help="The question to answer.")]
_K = Annotated[
    int | None,
    typer.Option("-k", metavar="N", min=1, max=100, help="Number of passages to retrieve [default: the `k` setting]."),
]
_Source = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="PATTERN",
        help="Use only documents whose source matches PATTERN, such as '*.pdf'; can be repeated.",
    ),
]
_Since = Annotated[
    str,
    typer.Option(metavar="DATE", help="Use only documents dated on or after DATE, such as 2025-06-13, 2025-06 or 2025."),
]
_Until = Annotated[str, typer.Option(metavar="DATE", help="Use only documents dated on or before DATE.")]
_Meta = Annotated[
    list[str] | None,
    typer.Option(
        "--meta", metavar="FIELD=VALUE", help="Use only documents whose FIELD has this VALUE, such as author='Jane Doe'."
    ),
]


@commands.command(epilog='Example: rag ask "Who met Sun Weidong in New Delhi?" --since 2025-06')
def ask(
    context: typer.Context,
    question: _Question,
    k: _K = None,
    source: _Source = None,
    since: _Since = "",
    until: _Until = "",
    meta: _Meta = None,
    no_sync: NoSync = False,
    as_json: Json = False,
) -> None:
    """Answer a question from your documents, with citations.

    First syncs the folder in the `documents` setting, if there is one.
    """
    from rag.retrieval.search import checked_question

    session, question = session_of(context), checked_question(question)
    filters = _filters(source, since, until, meta)
    with session.library(sync_first=not no_sync, as_json=as_json) as library:
        if as_json:
            from rag.schemas.answers import ask_json

            print_json(ask_json(library.ask(question, k=k, filters=filters)))
        else:
            _print_answer(session, library.stream(question, k=k, filters=filters))
        sys.stdout.flush()  # show the answer now, because closing the library can take a moment


@commands.command(epilog="Example: rag chat --source '*.txt'")
def chat(
    context: typer.Context,
    k: _K = None,
    source: _Source = None,
    since: _Since = "",
    until: _Until = "",
    meta: _Meta = None,
    no_sync: NoSync = False,
) -> None:
    """Ask questions and follow-up questions in a conversation.

    Ctrl-C stops an answer, and Ctrl-D ends the conversation. The conversation is not saved.
    """
    from rag.cli.chat import Chat

    session, filters = session_of(context), _filters(source, since, until, meta)
    with session.library(sync_first=not no_sync) as library:
        Chat(library, k, filters, session.note).run()


@commands.command(epilog="Example: rag search 'rare earth magnets' -k 3 --json")
def search(
    context: typer.Context,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The question or the words to search for.")],
    k: _K = None,
    source: _Source = None,
    since: _Since = "",
    until: _Until = "",
    meta: _Meta = None,
    rerank: Annotated[
        bool, typer.Option("--rerank", help="Read the passages, which takes longer and ranks them better.")
    ] = False,
    no_sync: NoSync = False,
    as_json: Json = False,
    as_jsonl: JsonLines = False,
) -> None:
    """List the passages most relevant to a question, best first.

    Shows each passage's score, and its rank by meaning and by wording.
    """
    from rag.retrieval.search import checked_question

    one_format(as_json, as_jsonl)
    session, question = session_of(context), checked_question(question)
    with session.library(sync_first=not no_sync, as_json=as_json or as_jsonl) as library:
        filters = _filters(source, since, until, meta)
        found = library.search_with_timings(question, k, filters=filters, rerank=rerank)
    if as_json or as_jsonl:
        from rag.schemas.answers import hit_json, search_json

        print_json(search_json(question, found)) if as_json else print_json_lines(map(hit_json, found.hits))
        return
    print_lines(rendering.hit(n, hit) for n, hit in enumerate(found.hits, start=1))
    session.note(
        found.notice or ("" if found.hits else "nothing found: the index is empty, or no document matches the filters")
    )


@commands.command(epilog='Example: rag why "Who met Sun Weidong?" --expect "Foreign Secretary Vikram Misri"')
def why(
    context: typer.Context,
    question: _Question,
    expect: Annotated[
        str, typer.Option("--expect", metavar="TEXT", help="Text of the passage you expect, copied from a document.")
    ],
    k: _K = None,
    source: _Source = None,
    since: _Since = "",
    until: _Until = "",
    meta: _Meta = None,
    no_sync: NoSync = False,
    as_json: Json = False,
) -> None:
    """Explain why a passage is or is not in the answer to a question.

    Asks the question, then reports whether the expected passage is cited or, if not, the stage at which it was dropped.
    """
    session, filters = session_of(context), _filters(source, since, until, meta)
    with session.library(sync_first=not no_sync, as_json=as_json) as library:
        explanation = library.explain(question, expect, k=k, filters=filters)
    if as_json:
        from rag.schemas.answers import why_json

        print_json(why_json(explanation))
    else:
        print_lines(rendering.explanation(explanation))


def _filters(source: list[str] | None, since: str, until: str, meta: list[str] | None) -> Filter:
    pairs = [field.partition("=") for field in meta or []]
    if any(not equals for _, equals, _ in pairs):
        raise SettingsError("--meta needs the form FIELD=VALUE", "for example: --meta author='Jane Doe'")
    return Filter(
        sources=tuple(source or ()),
        since=since,
        until=until,
        metadata={name: value for name, _, value in pairs},
    )


def _print_answer(session: Session, events: Iterable[Event]) -> None:
    """Prints an answer. On a terminal, the text appears as it is written; otherwise, it is printed once it is complete."""
    live = rendering.LiveText() if sys.stdout.isatty() else None
    for event in events:
        if isinstance(event, TextDelta) and live:
            print(live.feed(event.text), end="", flush=True)
        elif isinstance(event, AnswerDone):
            print(live.flush() if live else rendering.plain(event.answer.text))
            _print_footnotes(session, event.answer, was_live=live is not None)


def _print_footnotes(session: Session, answer: Answer, *, was_live: bool) -> None:
    sys.stdout.flush()  # the answer must come before the notice if both streams go to the same terminal
    session.note(answer.notice)
    print_lines(rendering.footnotes(answer, is_terminal=was_live))
