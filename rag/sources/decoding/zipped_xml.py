"""Files that are zips of XML: Office, OpenDocument, EPUB. The home of lxml's parser, with its doors shut.

A zip says how large its parts are before they are unpacked: what claims to be absurdly large is not unpacked. Entities are
never resolved, nothing is fetched.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator

import olefile
from lxml import etree

from rag.errors import ReadError

_MOST_PARTS = 20_000
_MOST_BYTES = 400_000_000  # unpacked, of one part
_BOMB_BYTES, _BOMB_RATIO = 50_000_000, 300  # a part larger than this, packed that much smaller, holds no text
_DAMAGED = "open it in its program and save it again"


class Package:
    """A zip of XML parts.

    Raises:
        ReadError: It is no whole zip, or a bomb.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
            raise ReadError("it is damaged or cut off", _DAMAGED) from error
        parts = self._zip.infolist()
        if len(parts) > _MOST_PARTS:
            raise ReadError(f"it has {len(parts):,} parts, more than any document", _DAMAGED)
        for part in parts:
            packed = max(1, part.compress_size)
            if part.file_size > _MOST_BYTES or (part.file_size > _BOMB_BYTES and part.file_size / packed > _BOMB_RATIO):
                raise ReadError(f"a part of it unpacks to {part.file_size / 1e6:,.0f} MB (a zip bomb?)", _DAMAGED)
        self.names = frozenset(part.filename for part in parts)

    def read(self, name: str) -> bytes:
        """A part's bytes.

        Raises:
            ReadError: There is none, or it is damaged.
        """
        try:
            return self._zip.read(name)
        except KeyError:
            raise ReadError(f"its part {posixpath.basename(name)!r} is missing", _DAMAGED) from None
        except RuntimeError:  # how zipfile says that a password is wanted
            raise ReadError("it is locked with a password", "save a copy without the password") from None
        except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OSError) as error:
            raise ReadError("it is damaged or cut off", _DAMAGED) from error
        except Exception as error:  # zlib and lzma have errors of their own
            raise ReadError(f"it is damaged ({type(error).__name__})", _DAMAGED) from error

    def xml(self, name: str) -> etree._Element:
        """A part as XML.

        Raises:
            ReadError: There is none, or it is no XML.
        """
        return parsed(self.read(name))

    def find(self, name: str) -> etree._Element | None:
        """A part that need not be there, as XML."""
        return self.xml(name) if name in self.names else None

    def embedded(self) -> Iterator[tuple[str, bytes]]:
        """(name, bytes) of the documents that are embedded in an Office file."""
        for name in sorted(self.names):
            if "/embeddings/" not in name or name.endswith(("/", ".rels", ".vml")):
                continue
            data, base = self.read(name), posixpath.basename(name)
            if not base.endswith(".bin"):
                yield base, data
            elif (held := _held_by_ole(data)) is not None:
                yield f"{base[:-4]}.pdf" if held.startswith(b"%PDF-") else base[:-4], held

    def related(self, name: str) -> dict[str, tuple[str, str]]:
        """Office's links from a part: id → (the last word of the link's kind, name of the part it leads to)."""
        folder, base = posixpath.split(name)
        links = self.find(posixpath.join(folder, "_rels", f"{base}.rels"))
        found = {}
        for link in links if links is not None else ():
            if link.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, link.get("Target", ""))).lstrip("/")
                found[link.get("Id", "")] = (posixpath.basename(link.get("Type", "")), target)
        return found


def _held_by_ole(data: bytes) -> bytes | None:
    """The document in an OLE object; None where it is a program's own."""
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as ole:
            stream = next((name for name in ("CONTENTS", "Package") if ole.exists(name)), "")
            return bytes(ole.openstream(stream).read()) if stream else None
    except Exception:  # a cut or hostile object fails in many ways, and is not worth its holder
        return None


def parsed(data: bytes) -> etree._Element:
    """XML, as far as it is whole.

    Raises:
        ReadError: There is nothing of XML in it.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, recover=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        root = None
    if any(entry.type == etree.ErrorTypes.ERR_NO_MEMORY for entry in parser.error_log):
        raise MemoryError
    if root is None:
        raise ReadError("it cannot be parsed as XML", _DAMAGED)
    return root


def local(element: etree._Element) -> str:
    """An element's name without its namespace; "" for what is no element."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: etree._Element, name: str) -> str:
    """An attribute by its name without namespace; "" if it is not there."""
    return next((str(value) for key, value in element.attrib.items() if str(key).rpartition("}")[2] == name), "")


def children(element: etree._Element, *names: str) -> Iterator[etree._Element]:
    """The children of these names."""
    return (child for child in element if local(child) in names)


def first(element: etree._Element | None, name: str) -> etree._Element | None:
    """The first element of this name, at any depth."""
    return next((found for found in element.iter() if local(found) == name), None) if element is not None else None


def words(element: etree._Element | None) -> str:
    """All text of an element, white space squeezed; "" if there is none."""
    return " ".join("".join(element.itertext()).split()) if element is not None else ""
