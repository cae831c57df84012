"""The list of documents on the page, and that of conversations. Pure, as `rag.server.page.views.answer_view` is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from rag.records import DocumentInfo, Progress, SyncReport
from rag.server.page.views.answer_view import one_line

_LISTED = 100  # documents; the others are searched for
ORDERS: Mapping[str, tuple[Callable[[DocumentInfo], Any], bool]] = {  # name → (key, the largest first)
    "by name": (lambda info: (info.title or info.source).casefold(), False),
    "newest first": (lambda info: info.added, True),
    "by date of the document": (lambda info: info.date, True),
    "longest first": (lambda info: info.characters, True),
    "problems first": (lambda info: (info.state != "failed", info.state == "ready", info.source), False),
}
EMPTY = (
    '<div class="empty"><p>No documents yet.</p><p>Drop files here, give the address of a page, or load the sample to see '
    "how it works.</p></div>"
)


def names(infos: Sequence[DocumentInfo]) -> dict[str, DocumentInfo]:
    """Documents by what they are called: their source, or their path where two have the same."""
    counts: dict[str, int] = {}
    for info in infos:
        counts[info.source] = counts.get(info.source, 0) + 1
    return {info.source if counts[info.source] == 1 else str(PurePath(info.root, info.source)): info for info in infos}


def listed(infos: Sequence[DocumentInfo], wanted: str, order: str) -> tuple[str, list[str]]:
    """The documents whose title, source, author or date have all the words wanted: markup, and names in that order."""
    if not infos:
        return EMPTY, []
    words = wanted.casefold().split()
    key, reverse = ORDERS.get(order, ORDERS["by name"])
    fitting = {
        name: info
        for name, info in names(infos).items()
        if all(word in f"{info.title} {info.source} {info.author} {info.date}".casefold() for word in words)
    }
    in_order = sorted(fitting, key=lambda name: key(fitting[name]), reverse=reverse)[:_LISTED]
    rows = "".join(_row(n, fitting[name]) for n, name in enumerate(in_order))
    head = "<tr><th>Document</th><th>Date</th><th>Pages</th><th>Passages</th><th>State</th>"
    head += "<th><span class='unseen'>What can be done</span></th></tr>"
    more = len(fitting) - len(in_order)
    rest = f'<p class="about">and {more:,} more: search for them</p>' if more else ""
    none = "" if fitting else '<p class="about">no document fits</p>'
    return f'<table class="shelf"><thead>{head}</thead><tbody>{rows}</tbody></table>{none}{rest}', in_order


def _row(n: int, info: DocumentInfo) -> str:
    title = one_line(info.title or info.source)
    name = f'<a class="open" href="/documents/{info.id}" target="_blank">{title}</a>' if info.id else title
    about = " · ".join(one_line(fact) for fact in (info.source, info.author) if fact)
    acts = (
        f'<button class="act" type="button" id="reread-{n}" title="Read {title} again">Read again</button>'
        f'<button class="act" type="button" id="delete-{n}" title="Delete {title}">Delete</button>'
    )
    cells = (
        f'{name}<br><span class="about">{about}</span>',
        one_line(info.date),
        f"{info.pages:,}" if info.pages else "",
        f"{info.passages:,}" if info.passages else "",
        _state(info),
        acts,
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _state(info: DocumentInfo) -> str:
    if info.state == "failed":
        return f'<span class="flag">✗ {one_line(info.error)}</span> <span class="about">{one_line(info.hint)}</span>'
    if info.state == "embedding":
        return "◐ found by its words; by meaning soon"
    unread = (
        f'<br><span class="about">pictures, not read: pages {one_line(info.unread_pages)}</span>'
        if info.unread_pages
        else ""
    )
    return f"✓ ready{unread}"


def summary(infos: Sequence[DocumentInfo]) -> str:
    """How many documents there are, and how they stand: for the head of the page."""
    ready, waiting, failed = ([info for info in infos if info.state == state] for state in ("ready", "embedding", "failed"))
    n = len(ready) + len(waiting)
    facts = [f"{n:,} document{'s' * (n != 1)}"]
    if waiting:
        facts.append(f"{len(waiting):,} being taken in")
    if failed:
        facts.append(f"{len(failed):,} not read")
    return " · ".join(facts)


def stage(at: Progress | None) -> str:
    """What is being done to a document that is taken in."""
    if at is None or not (at.passages or at.found):
        return "reading"
    found = f"; {at.found:,} found by their words already" if at.found else ""
    return f"embedding, {at.passages:,} passages{found}"


def imported(report: SyncReport) -> str:
    """What came of an import."""
    facts = [
        f"{n:,} {what}"
        for n, what in ((report.added, "added"), (report.updated, "changed"), (report.unchanged, "there already"))
        if n
    ]
    passages = f", {report.passages:,} passage{'s' * (report.passages != 1)} embedded" if report.passages else ""
    lines = [f"<p>✓ ready: {', '.join(facts)}{passages}</p>"] if facts else []
    for failure in report.failed:
        what = f"✗ {one_line(failure.source)}: {one_line(failure.error)}"
        lines.append(f'<p class="flag">{what} <span class="about">{one_line(failure.hint)}</span></p>')
    return "".join(lines) or '<p class="about">nothing new</p>'
