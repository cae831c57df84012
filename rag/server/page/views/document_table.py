"""Creates the markup for the Documents tab: the document table, import progress and results. Has no side effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from rag.records import DocumentInfo, Progress, SyncReport
from rag.server.page.views.markup import note_markup, one_line

_MAX_ROWS = 100  # documents beyond this number can be found with the search box
ORDERS: Mapping[str, tuple[Callable[[DocumentInfo], Any], bool]] = {  # label → (sort key, whether descending)
    "by name": (lambda info: (info.title or info.source).casefold(), False),
    "newest first": (lambda info: info.added, True),
    "by document date": (lambda info: info.date, True),
    "longest first": (lambda info: info.characters, True),
    "problems first": (lambda info: (info.state != "failed", info.state == "ready", info.source), False),
}
_EMPTY = (
    '<div class="empty"><p>No documents yet.</p><p>Drop files into the box above, enter the address of a web page, or add '
    "the sample document to see how rag works.</p></div>"
)


def documents_by_name(infos: Sequence[DocumentInfo]) -> dict[str, DocumentInfo]:
    """Returns the documents keyed by source, or by full path if several documents have the same source."""
    counts: dict[str, int] = {}
    for info in infos:
        counts[info.source] = counts.get(info.source, 0) + 1
    return {info.source if counts[info.source] == 1 else str(PurePath(info.root, info.source)): info for info in infos}


def table_markup(infos: Sequence[DocumentInfo], query: str, order: str) -> tuple[str, list[str]]:
    """Returns the table of matching documents, and the name of the document in each row.

    Args:
        infos: All documents.
        query: Words to search for, ignoring case. Each word must occur in the document's title, source, author or date.
        order: A key in `ORDERS`; for unknown keys, the table is sorted by name.
    """
    if not infos:
        return _EMPTY, []
    words = query.casefold().split()
    key, reverse = ORDERS.get(order, ORDERS["by name"])
    matching = {
        name: info
        for name, info in documents_by_name(infos).items()
        if all(word in f"{info.title} {info.source} {info.author} {info.date}".casefold() for word in words)
    }
    in_order = sorted(matching, key=lambda name: key(matching[name]), reverse=reverse)[:_MAX_ROWS]
    rows = "".join(_row_markup(n, matching[name]) for n, name in enumerate(in_order))
    head = "<tr><th>Document</th><th>Date</th><th>Pages</th><th>Passages</th><th>State</th>"
    head += "<th><span class='unseen'>Actions</span></th></tr>"
    hidden = len(matching) - len(in_order)
    footer = note_markup(f"and {hidden:,} more: use the search box to find them") if hidden else ""
    none = "" if matching else note_markup("No documents match your search.")
    return f'<table class="shelf"><thead>{head}</thead><tbody>{rows}</tbody></table>{none}{footer}', in_order


def _row_markup(n: int, info: DocumentInfo) -> str:
    title = one_line(info.title or info.source)
    name = f'<a class="open" href="/documents/{info.id}" target="_blank">{title}</a>' if info.id else title
    facts = " · ".join(one_line(fact) for fact in (info.source, info.author) if fact)
    buttons = (
        f'<button class="act" type="button" id="reread-{n}" title="Read {title} again from its source">Reload</button>'
        f'<button class="act" type="button" id="delete-{n}" title="Delete {title}">Delete</button>'
    )
    cells = (
        f'{name}<br><span class="about">{facts}</span>',
        one_line(info.date),
        f"{info.pages:,}" if info.pages else "",
        f"{info.passages:,}" if info.passages else "",
        _state_markup(info),
        buttons,
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _state_markup(info: DocumentInfo) -> str:
    if info.state == "failed":
        return f'<span class="flag">✗ {one_line(info.error)}</span> <span class="about">{one_line(info.hint)}</span>'
    if info.state == "embedding":
        return "◐ being embedded; for now, found by keyword only"
    if not info.unread_pages:
        return "✓ ready"
    return f'✓ ready<br><span class="about">scanned pages without text: {one_line(info.unread_pages)}</span>'


def summary_text(infos: Sequence[DocumentInfo]) -> str:
    """Returns the header's text: how many documents can be searched, how many are being embedded, and how many failed."""
    ready, waiting, failed = ([info for info in infos if info.state == state] for state in ("ready", "embedding", "failed"))
    n = len(ready) + len(waiting)
    facts = [f"{n:,} document{'s' * (n != 1)}"]
    if waiting:
        facts.append(f"{len(waiting):,} being embedded")
    if failed:
        facts.append(f"{len(failed):,} failed")
    return " · ".join(facts)


def stage_text(progress: Progress | None) -> str:
    """Describes the current stage of an import, given its most recent progress report (None before the first report)."""
    if progress is None or not (progress.passages or progress.found):
        return "reading"
    found = f"; {progress.found:,} can already be found by keyword" if progress.found else ""
    return f"embedding {progress.passages:,} passages{found}"


def import_markup(report: SyncReport) -> str:
    """Returns an import's outcome: the number of added, changed and unchanged documents, and each failure with its hint."""
    counts = ((report.added, "added"), (report.updated, "changed"), (report.unchanged, "unchanged"))
    facts = [f"{n:,} {what}" for n, what in counts if n]
    passages = f", {report.passages:,} passage{'s' * (report.passages != 1)} embedded" if report.passages else ""
    lines = [f"<p>✓ ready: {', '.join(facts)}{passages}</p>"] if facts else []
    for failure in report.failed:
        message = f"✗ {one_line(failure.source)}: {one_line(failure.error)}"
        lines.append(f'<p class="flag">{message} <span class="about">{one_line(failure.hint)}</span></p>')
    return "".join(lines) or note_markup("Nothing to add.")
