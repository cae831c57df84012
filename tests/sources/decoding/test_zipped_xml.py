"""Zips of XML: bombs, entities, damage and missing parts."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from rag.errors import ReadError
from rag.sources.decoding.zipped_xml import (
    XmlPackage,
    attribute,
    children,
    first_element,
    local_name,
    text_content,
    xml_tree,
)
from rag.sources.parsers import parse

from ...making import zipped


def test_a_bomb_is_not_unpacked() -> None:
    """What a zip claims is looked at first."""
    data = zipped({"word/document.xml": b"<a>" + b"a" * 60_000_000 + b"</a>"})
    with pytest.raises(ReadError, match="zip bomb"):
        parse(data, "bomb.docx")


def test_nothing_outside_a_file_is_read(tmp_path: Path) -> None:
    """No entity leads to another file."""
    (tmp_path / "secret.txt").write_text("The canary sings at noon.")
    data = f'<!DOCTYPE r [<!ENTITY x SYSTEM "{(tmp_path / "secret.txt").as_uri()}">]><r>hello there &x; again</r>'.encode()

    assert "canary" not in parse(data, "a.xml").documents[0].text
    held = zipped({"word/document.xml": data.replace(b"<r>", b"<r><p><r><t>").replace(b"</r>", b"</t></r></p></r>", 1)})
    with contextlib.suppress(ReadError):
        assert "canary" not in parse(held, "a.docx").documents[0].text


def test_too_many_parts_are_refused() -> None:
    with pytest.raises(ReadError, match="25,000 parts"):
        XmlPackage(zipped({f"ppt/{n}": b"" for n in range(25_000)}))


def test_damage_is_named() -> None:
    whole = zipped({"a.xml": b"<a/>" * 100})
    with pytest.raises(ReadError, match="damaged or incomplete"):
        XmlPackage(whole[:-30])
    with pytest.raises(ReadError, match=r"'b\.xml' is missing"):
        XmlPackage(whole).read("folder/b.xml")
    assert XmlPackage(whole).find("b.xml") is None
    with pytest.raises(ReadError, match="as XML"):
        xml_tree(b"no markup")


def test_an_unknown_compression_is_not_called_a_password() -> None:
    data = bytearray(zipped({"a.xml": b"<a/>" * 100}))
    entry = data.rindex(b"PK\x01\x02")
    data[8:10] = data[entry + 10 : entry + 12] = (99).to_bytes(2, "little")  # the method, in both headers

    with pytest.raises(ReadError, match="damaged or incomplete"):
        XmlPackage(bytes(data)).read("a.xml")


def test_related_parts() -> None:
    """Targets are relative to the part; external ones are left out."""
    links = (
        b'<Relationships xmlns="x"><Relationship Id="r1" Type="http://x/notes" Target="../notes/n1.xml"/>'
        b'<Relationship Id="r2" Type="http://x/link" Target="http://x" TargetMode="External"/></Relationships>'
    )
    package = XmlPackage(zipped({"ppt/slides/s1.xml": b"<s/>", "ppt/slides/_rels/s1.xml.rels": links}))

    assert {"r1": ("notes", "ppt/notes/n1.xml")} == package.related("ppt/slides/s1.xml")
    assert {} == package.related("other.xml")


def test_names_and_texts_of_elements() -> None:
    root = xml_tree(b'<a:r xmlns:a="urn:a" a:k="v"><a:b>one\n two</a:b><!-- c --><b>three</b></a:r>')

    assert ("r", "v", "") == (local_name(root), attribute(root, "k"), attribute(root, "l"))
    assert ["one two", "three"] == [text_content(child) for child in children(root, "b")]
    assert ("one two", "") == (text_content(first_element(root, "b")), text_content(first_element(root, "x")))


def test_long_text_is_whole() -> None:
    """More than 10 MB in one element, which a parser drops by default."""
    text = xml_tree(b"<a><b>" + b"word " * 3_000_000 + b"</b><c>LAST</c></a>")

    assert 15_000_004 == len("".join(text.itertext()))


@pytest.mark.parametrize(
    "data", [b"<r>first" + b"<a>" * 5000 + b"x", b"<r>" + b"<a>" * 50_000 + b"</a>" * 50_000 + b"</r>"]
)
def test_what_is_nested_too_deeply_is_refused(data: bytes) -> None:
    """Rather than cut off without a word."""
    with pytest.raises(ReadError, match="nested too deeply"):
        xml_tree(data)
