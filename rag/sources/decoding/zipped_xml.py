"""Reads Office, OpenDocument and EPUB files (ZIP archives of XML). Guards against zip bombs and XML external entities.

A ZIP archive declares the size of each of its parts. An archive that declares an absurd size is rejected as a zip bomb. XML
entities are never resolved, and nothing is downloaded.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator

import olefile
from lxml import etree

from rag.errors import ReadError

_MAX_PARTS = 20_000
_MOST_BYTES = 400_000_000  # maximum size of one unpacked part
_BOMB_BYTES, _BOMB_RATIO = 50_000_000, 300  # a part that exceeds both this size and this compression ratio is a zip bomb
_DAMAGED = "open it in the application that created it and save it again"


class XmlPackage:
    """A ZIP archive of XML parts.

    Raises:
        ReadError: The file is damaged or is a zip bomb.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
            raise ReadError("it is damaged or incomplete", _DAMAGED) from error
        parts = self._zip.infolist()
        if len(parts) > _MAX_PARTS:
            raise ReadError(f"it has {len(parts):,} parts, which is more than any real document has", _DAMAGED)
        for part in parts:
            packed = max(1, part.compress_size)
            if part.file_size > _MOST_BYTES or (part.file_size > _BOMB_BYTES and part.file_size / packed > _BOMB_RATIO):
                raise ReadError(f"one part would unpack to {part.file_size / 1e6:,.0f} MB; it may be a zip bomb", _DAMAGED)
        self.names = frozenset(part.filename for part in parts)

    def read(self, name: str) -> bytes:
        """Reads a part.

        Raises:
            ReadError: The part is missing, damaged or password-protected.
        """
        try:
            return self._zip.read(name)
        except KeyError:
            raise ReadError(f"its part {posixpath.basename(name)!r} is missing", _DAMAGED) from None
        except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OSError) as error:
            raise ReadError("it is damaged or incomplete", _DAMAGED) from error
        except RuntimeError:  # a password is needed; its subclass NotImplementedError is handled above
            raise ReadError("it is password-protected", "save a copy without a password, then add the copy") from None
        except Exception as error:  # zlib and lzma raise errors of their own
            raise ReadError(f"it is damaged ({type(error).__name__})", _DAMAGED) from error

    def xml(self, name: str) -> etree._Element:
        """Parses a part.

        Raises:
            ReadError: The part is missing or is not XML.
        """
        return xml_tree(self.read(name))

    def find(self, name: str) -> etree._Element | None:
        """Parses an optional part. Returns None if the archive does not contain it."""
        return self.xml(name) if name in self.names else None

    def embedded(self) -> Iterator[tuple[str, bytes]]:
        """Yields (name, bytes) for each document that is embedded in an Office file."""
        for name in sorted(self.names):
            if "/embeddings/" not in name or name.endswith(("/", ".rels", ".vml")):
                continue
            data, base = self.read(name), posixpath.basename(name)
            if not base.endswith(".bin"):
                yield base, data
            elif (inner := _inside_ole(data)) is not None:
                yield f"{base[:-4]}.pdf" if inner.startswith(b"%PDF-") else base[:-4], inner

    def related(self, name: str) -> dict[str, tuple[str, str]]:
        """Returns a part's relationships, by id. Each one is (last segment of its type, name of the target part)."""
        folder, base = posixpath.split(name)
        links = self.find(posixpath.join(folder, "_rels", f"{base}.rels"))
        found = {}
        for link in links if links is not None else ():
            if link.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, link.get("Target", ""))).lstrip("/")
                found[link.get("Id", "")] = (posixpath.basename(link.get("Type", "")), target)
        return found


def _inside_ole(data: bytes) -> bytes | None:
    """Returns the document in an OLE object; None if the object is damaged or has no readable document."""
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as ole:
            stream = next((name for name in ("CONTENTS", "XmlPackage") if ole.exists(name)), "")
            return bytes(ole.openstream(stream).read()) if stream else None
    except Exception:  # olefile raises many kinds of errors; a damaged object must not make the whole file unreadable
        return None


def xml_tree(data: bytes) -> etree._Element:
    """Parses XML and skips invalid parts.

    Raises:
        ReadError: The bytes are not XML.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        recover=True,
        remove_comments=True,
        remove_pis=True,
        huge_tree=True,  # otherwise, text after 10 MB in one element is dropped without an error; memory is limited anyway
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        root = None
    check_complete(parser)
    if root is None:
        raise ReadError("it cannot be parsed as XML", _DAMAGED)
    return root


def check_complete(parser: etree.XMLParser | etree.HTMLParser) -> None:
    """Checks that a lenient parser read everything, and did not stop at one of its limits.

    Raises:
        MemoryError: There was not enough memory.
        ReadError: The elements are nested too deeply.
    """
    types = {entry.type for entry in parser.error_log}
    if etree.ErrorTypes.ERR_NO_MEMORY in types:
        raise MemoryError
    if etree.ErrorTypes.ERR_RESOURCE_LIMIT in types:
        raise ReadError("its elements or entities are nested too deeply", "save it as plain text")


def local_name(element: etree._Element) -> str:
    """Returns an element's name without its namespace; "" for comments and processing instructions."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: etree._Element, name: str) -> str:
    """Returns the attribute with this name, in any namespace; "" if it is missing."""
    return next((str(value) for key, value in element.attrib.items() if str(key).rpartition("}")[2] == name), "")


def children(element: etree._Element, *names: str) -> Iterator[etree._Element]:
    """Yields the children that have one of these names."""
    return (child for child in element if local_name(child) in names)


def first_element(element: etree._Element | None, name: str) -> etree._Element | None:
    """Returns the first element with this name, at any depth; None if there is none."""
    return next((found for found in element.iter() if local_name(found) == name), None) if element is not None else None


def text_content(element: etree._Element | None) -> str:
    """Returns an element's text with each run of white space collapsed to one space; "" for None."""
    return " ".join("".join(element.itertext()).split()) if element is not None else ""
