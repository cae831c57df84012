"""JSON, JSON Lines and XML: every value on a line with its name, so that it is found and read without the brackets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from rag.errors import ReadError
from rag.records import Document
from rag.sources.decoding import xhtml
from rag.sources.decoding.pages import joined
from rag.sources.decoding.text import canonical, decode, find_date, name_as_title
from rag.sources.decoding.zipped_xml import local, parsed

_TITLES = ("title", "name", "headline", "subject")
_AUTHORS = ("author", "creator", "byline")
_SHORT = 200  # code points: values that stand side by side on one line


def read(data: bytes, name: str) -> Document:
    """Reads JSON.

    Raises:
        ReadError: It is no JSON.
    """
    text = decode(data)
    try:
        value = json.loads(text, parse_float=str, parse_int=str)
    except RecursionError:
        raise ReadError("its values are nested too deep", "save it flatter") from None
    except ValueError as error:
        try:
            return read_lines(data, name)  # many values, one after the other
        except ReadError:
            raise ReadError(f"it is no JSON ({error})"[:120], "mend it, or save it as text") from None
    if isinstance(value, list):
        return _listed(value, name, "item")
    return Document(
        canonical("\n".join(_lines(value)).strip()), _fact(value, _TITLES) or name_as_title(name), _fact(value, _AUTHORS),
        find_date(text[:3000]), media_type="application/json",
    )  # fmt: skip


def read_lines(data: bytes, name: str) -> Document:
    """Reads JSON Lines: a value a line.

    Raises:
        ReadError: Most of it is no JSON.
    """
    values: list[Any] = []
    bad = 0
    for line in decode(data).split("\n"):
        try:
            values.append(json.loads(line, parse_float=str, parse_int=str) if line.strip() else None)
        except (ValueError, RecursionError):
            values.append(line)
            bad += 1
    if bad > len(values) / 10:
        raise ReadError("it is no JSON, not even line by line", "mend it, or save it as text")
    return _listed(values, name, "line")


def read_xml(data: bytes, name: str) -> Document:
    """Reads XML.

    Raises:
        ReadError: There is nothing of XML in it.
    """
    root = parsed(data)
    text = xhtml.text_of(root) if local(root).lower() == "html" else "\n".join(_elements(root))
    title = next(
        (" ".join("".join(found.itertext()).split()) for found in root.iter() if local(found).lower() in _TITLES), ""
    )
    return Document(
        canonical(text.strip()), canonical(title[:200]) or name_as_title(name), date=find_date(text[:3000]),
        media_type="application/xml",
    )  # fmt: skip


def _listed(values: list[Any], name: str, counts: str) -> Document:
    """A list of values, each a paragraph that is found by its number."""
    numbered = ((f"{counts} {n}", None, _paragraph(value)) for n, value in enumerate(values, start=1))
    text, anchors = joined([part for part in numbered if part[2]])
    return Document(text, name_as_title(name), date=find_date(text[:1500]), anchors=anchors, media_type="application/json")


def _paragraph(value: Any) -> str:
    """One value: on one line where all it has is short."""
    return (_row(value) if isinstance(value, dict) else "") or "\n".join(_lines(value)).strip()


def _row(value: dict[str, Any]) -> str:
    """A value's fields side by side; "" where one of them is long, or holds others."""
    if any(isinstance(one, dict | list) or len(str(one)) > _SHORT for one in value.values()):
        return ""
    return " | ".join(f"{key}: {_plain(one)}" for key, one in value.items() if _plain(one))


def _lines(value: Any, path: str = "") -> Iterator[str]:
    """Each value with its name; what is inside another is named by its way there."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(inner, f"{path} › {key}" if path else str(key))
    elif isinstance(value, list):
        yield from _listed_lines(value, path)
    elif told := _plain(value):
        yield f"{path}: {told}" if path else told


def _listed_lines(values: list[Any], path: str) -> Iterator[str]:
    """A list: short values on one line; of those that hold others, each by itself."""
    if all(not isinstance(inner, dict | list) and len(str(inner)) <= _SHORT for inner in values):
        if told := ", ".join(filter(None, map(_plain, values))):
            yield f"{path}: {told}" if path else told
        return
    for inner in values:
        if isinstance(inner, dict) and (row := _row(inner)):
            yield f"{path}: {row}" if path else row
        elif isinstance(inner, dict):
            yield f"\n{path}:" if path else ""
            yield from _lines(inner)
        else:
            yield from _lines(inner, path)
    yield ""


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _fact(value: Any, names: tuple[str, ...]) -> str:
    found = next((value[name] for name in names if isinstance(value.get(name), str)), "") if isinstance(value, dict) else ""
    return " ".join(found.split())[:200]


_PROSE = re.compile(
    r"(?:p|para|paragraph|title|text|body|abstract|s|li|td|entry|emph|i|b|sub|sup|xref|a|span|ref)$", re.IGNORECASE
)


def _elements(root: etree._Element) -> Iterator[str]:
    """Each element's text on a line, behind the element's name and attributes; words inside a sentence stay in it."""
    done: set[etree._Element] = set()
    for element in root.iter():
        if not isinstance(element.tag, str) or element in done:
            continue
        name = local(element)
        about = ", ".join(
            f"{str(key).rpartition('}')[2]} {value}" for key, value in element.attrib.items() if value.strip()
        )
        mixed = any((child.tail or "").strip() for child in element) or bool(_PROSE.match(name))
        said = " ".join(("".join(element.itertext()) if mixed else element.text or "").split())
        if mixed:
            done.update(element.iterdescendants())
        label = f"{name} ({about})" if about and not mixed else name
        if said:
            yield said if _PROSE.match(name) else f"{label}: {said}"
        elif about:
            yield label
