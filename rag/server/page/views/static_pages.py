"""Pages that need no JavaScript: a whole document, the login form, and the logout form. Has no side effects."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rag.records import Document
from rag.server.page.views.source_view import document_facts
from rag.text.unicode_text import strip_invisible


def document_page(document: Document, spans: Sequence[tuple[int, int]]) -> str:
    """Returns a page with a document's whole text, in which spans are highlighted. The first span has the id "marked".

    Args:
        document: The document.
        spans: The spans as (start, end) offsets in the document's text; they may overlap or extend beyond the text.
    """
    parts, at = [], 0
    for start, end in sorted(spans):
        begin, end = max(at, start), min(end, len(document.text))
        if begin < end:
            anchor = "" if at else ' id="marked"'
            before, marked = _escaped_html(document.text[at:begin]), _escaped_html(document.text[begin:end])
            parts += [before, f"<mark{anchor}>", marked, "</mark>"]
            at = end
    parts.append(_escaped_html(document.text[at:]))
    title = _escaped_html(document.title or document.source)
    return _html_page(title, f"<h1>{title}</h1><p>{document_facts(document)}</p><div>{''.join(parts)}</div>")


def login_page(problem: str = "") -> str:
    """Returns the login form. If the previous attempt failed, the form shows `problem`."""
    alert = f'<p role="alert"><strong>{_escaped_html(problem)}</strong></p>' if problem else ""
    return _html_page(
        "Log in to rag",
        f'<h1>rag</h1>{alert}<form method="post" action="/login">'
        '<label>Username<input name="user" autocomplete="username" required autofocus></label>'
        '<label>Password<input name="password" type="password" autocomplete="current-password" required></label>'
        "<button>Log in</button></form>",
    )


def logout_page(user: str) -> str:
    """Returns the logout form."""
    return _html_page(
        "Log out of rag",
        f"<h1>rag</h1><p>You are logged in as {_escaped_html(user)}. Logging out does not delete your conversations.</p>"
        '<form method="post" action="/logout"><button>Log out</button></form><p><a href="/">Back to rag</a></p>',
    )


def _html_page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><main>{body}</main></body></html>"
    )


_STYLE = (
    ":root { color-scheme: light dark; --marker: #fde68a; --paper: #fbfaf7; --text: #1c1f23; --ink: #1f3a5f }"
    "@media (prefers-color-scheme: dark) { :root { --marker: #6b5a16; --paper: #16191d; --text: #e8e6e1; --ink: #9cc0ef } }"
    "body { background: var(--paper); color: var(--text); font: 17px/1.55 Charter, Georgia, 'Noto Serif', serif }"
    "main { max-width: 72ch; margin: 2em auto; padding: 0 1em } h1 { font-size: 1.4em } p { font: 13px system-ui }"
    "div { white-space: pre-wrap; overflow-wrap: break-word } mark { background: var(--marker); color: inherit }"
    "form { max-width: 20em; font: 15px system-ui }"
    "label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit }"
    "input, button { margin: .3em 0 1em; padding: .5em .7em; border: 1px solid var(--ink); border-radius: 6px }"
    "input { background: none; color: inherit } button { background: var(--ink); color: var(--paper); cursor: pointer }"
    "a { color: var(--ink) } :focus-visible { outline: 2px solid var(--ink); outline-offset: 2px }"
)


def _escaped_html(text: str) -> str:
    return escape(strip_invisible(text))
