"""Pages of their own, without script: a document whole, the way in, the way out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rag.records import Document
from rag.server.page.views.answer_view import BIDI
from rag.server.page.views.source_view import about
from rag.text.unicode_text import visible


def whole(document: Document, spans: Sequence[tuple[int, int]]) -> str:
    """A page of its own that shows all of a document, some spans marked; the first is where it opens."""
    parts, at = [], 0
    for start, end in sorted(spans):
        begin, end = max(at, start), min(end, len(document.text))
        if begin < end:
            anchor = "" if at else ' id="marked"'
            parts += [_plain(document.text[at:begin]), f"<mark{anchor}>", _plain(document.text[begin:end]), "</mark>"]
            at = end
    parts.append(_plain(document.text[at:]))
    title = _plain(document.title or document.source)
    return _page(title, f"<h1>{title}</h1><p>{about(document)}</p><div>{''.join(parts)}</div>")


def login(problem: str = "") -> str:
    """Asks for the account."""
    said = f'<p role="alert"><strong>{_plain(problem)}</strong></p>' if problem else ""
    return _page(
        "Log in to rag",
        f'<h1>rag</h1>{said}<form method="post" action="/login">'
        '<label>Name<input name="user" autocomplete="username" required autofocus></label>'
        '<label>Password<input name="password" type="password" autocomplete="current-password" required></label>'
        "<button>Log in</button></form>",
    )


def logout(user: str) -> str:
    """Asks whether to log out."""
    return _page(
        "Log out of rag",
        f"<h1>rag</h1><p>You are logged in as {_plain(user)}. The conversations of this browser stay in it.</p>"
        '<form method="post" action="/logout"><button>Log out</button></form><p><a href="/">Back</a></p>',
    )


def _page(title: str, body: str) -> str:
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


def _plain(text: str) -> str:
    return escape(visible(text).translate(BIDI))
