"""Extracts a web page's metadata, and its text without menus or advertisements. Only this module imports trafilatura."""

from __future__ import annotations

import logging
import re
from collections import Counter
from operator import itemgetter

import trafilatura
from lxml import etree

from rag.errors import ReadError
from rag.records import Document
from rag.sources.decoding.text import canonical, find_date, name_as_title
from rag.sources.decoding.xhtml import html_tree, simplify_tables, text_of
from rag.text.written_dates import first_date

_WORD = re.compile(r"[^\W_]+")
# Maps trafilatura's element names to HTML element names.
_NAMES = {"list": "ul", "item": "li", "quote": "blockquote", "row": "tr", "lb": "br", "ref": "a", "hi": "b", "code": "pre"}
_NOT_MAIN = ("nav", "aside", "footer")
_MOSTLY_MAIN = 1.25  # if a whole page is less than this many times as long as its main text, it has hardly any menus

# Without this, "© 2024" would become the date of a page that names no other.
_DATES = {"extensive_search": False, "original_date": True}
# Words in the class or id of elements that are part of the site rather than of the page's text, and such roles.
_FURNITURE = frozenset("cookie cookies cookiebar cookiebanner consent gdpr ccpa breadcrumb breadcrumbs".split())
_FURNITURE_ROLES = frozenset("navigation search menu menubar contentinfo alertdialog dialog".split())
_MOST_FURNITURE = 0.3  # of a page's text; an element with more of it is not removed
_MENUS = ("div", "header", "section", "ul", "span", "center")
_FEW_LINKS, _SHORT_LINK = 3, 30  # a line of at least this many links with at most this many code points each is a menu
_LONGEST_START = 60  # code points of a block by which it is found in the main text
_NEAR, _LINES_ABOVE = 500, 6  # code points and lines above a block in which its heading is looked for

logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # this parser reports broken pages, so logs are not needed


def parse(data: bytes, name: str) -> Document:
    """Parses a web page.

    Raises:
        ReadError: The page has no text.
    """
    try:
        root = html_tree(data)
        simplify_tables(root)
        _remove_furniture(root)
        whole = text_of(root, without=_NOT_MAIN)
        page = trafilatura.bare_extraction(
            root, include_comments=False, include_tables=True, with_metadata=True, date_extraction_params=_DATES
        )
        text = text_of(_as_html(page.body)) if page is not None and page.body is not None else ""
        text = _with_headings(text, whole) if len(whole) >= _MOSTLY_MAIN * len(text) and text else whole
    except ReadError:
        raise
    except Exception as error:  # lxml raises many kinds of errors on broken pages
        raise ReadError(
            f"the web page cannot be parsed ({type(error).__name__})", "open it in a browser and save it again"
        ) from error
    text = canonical(text or "").strip()
    if page is None:
        return Document(text, name_as_title(name), date=find_date(text), media_type="text/html")
    metadata = {key: value for key in ("sitename", "url", "language") if (value := getattr(page, key, None))}
    return Document(
        text,
        title=canonical(page.title or "") or name_as_title(name),
        author=canonical(page.author or ""),
        date=first_date(page.date or "") or find_date(text),
        media_type="text/html",
        metadata=metadata,
    )


def _remove_furniture(root: etree._Element) -> None:
    """Removes the content of cookie notices, breadcrumbs and menus, in place."""
    sizes: dict[etree._Element, int] = {}
    every = list(root.iter(etree.Element))
    for element in reversed(every):  # elements come after those that contain them
        below = sum(sizes[child] + len(child.tail or "") for child in element if child in sizes)
        sizes[element] = len(element.text or "") + below
    most = _MOST_FURNITURE * sizes[root]
    for element in every:
        if element.tag in ("html", "body", "main", "article"):
            continue
        words = set(_WORD.findall(f"{element.get('class', '')} {element.get('id', '')}".lower()))
        is_furniture = bool(words & _FURNITURE) or str(element.get("role", "")).lower() in _FURNITURE_ROLES
        if sizes[element] <= most and (is_furniture or _is_menu(element)):
            tail = element.tail
            element.clear()
            element.tail = tail


def _is_menu(element: etree._Element) -> bool:
    """Whether an element contains only short links and what separates them."""
    if len(element) < _FEW_LINKS or element.tag not in _MENUS or any(child.tag != "a" or len(child) for child in element):
        return False
    if any(above.tag in ("main", "article") for above in element.iterancestors()):
        return False
    between = (element.text or "") + "".join(child.tail or "" for child in element)
    return not _WORD.search(between) and all(len(child.text or "") <= _SHORT_LINK for child in element)


def _with_headings(text: str, whole: str) -> str:
    """Returns a page's main text with the headings that it lacks.

    Args:
        text: The main text.
        whole: The text of the whole page, with its headings.
    """
    starts: dict[str, list[int]] = {}
    at = 0
    for line in text.split("\n"):
        starts.setdefault(line[:_LONGEST_START], []).append(at)
        at += len(line) + 1
    blocks = whole.split("\n\n")
    counts = Counter(map(_start_of, blocks))
    # If the main text lacks some of the blocks with the same words, it is unknown which ones.
    known = {start for start, offsets in starts.items() if len(offsets) == counts[start]}
    missing: list[tuple[int, str]] = []
    place = None  # where the block after the current one is in the main text
    for block in reversed(blocks):
        if not block.startswith("#"):
            start = _start_of(block)
            place = starts[start].pop() if start in known else None
        elif place is not None:
            above = text[max(0, place - _NEAR) : place].split("\n")
            if block.lstrip("# ") not in {line.lstrip("# ") for line in above[-_LINES_ABOVE:]}:
                missing.append((place, block))
    missing.reverse()
    parts, at = [], 0
    for place, heading in sorted(missing, key=itemgetter(0)):
        parts += [text[at:place], heading, "\n\n"]
        at = place
    return "".join([*parts, text[at:]])


def _start_of(block: str) -> str:
    return block.split("\n", 1)[0][:_LONGEST_START]


def _as_html(body: etree._Element) -> etree._Element:
    """Converts the main text from trafilatura's elements back to HTML, in place."""
    for element in body.iter(etree.Element):
        if element.tag == "head":
            element.tag = element.get("rend", "h2")
        elif element.tag == "cell":
            element.tag = "th" if element.get("role") == "head" else "td"
        elif element.tag == "list" and element.get("rend") == "ol":
            element.tag = "ol"
        else:
            element.tag = _NAMES.get(element.tag, element.tag)
    return body
