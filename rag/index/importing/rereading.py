"""Reads documents again that another version of the parsers has read, and mails whose quotations are now elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from rag.errors import ReadError, SourceError
from rag.index.importing.batch_writer import BatchWriter, FileOutcome, PreparedDocument, Tally
from rag.index.importing.changes import Before, Changes, not_a_file
from rag.index.importing.mail_links import MailLinks
from rag.index.originals import original
from rag.index.records import Outdated, Revision
from rag.ports import FileParser
from rag.text.blocks import recognised

if TYPE_CHECKING:
    from rag.index.catalog import Catalog


class Rereading:
    """Reads the documents of one catalog again. The caller holds the import lock.

    Args:
        catalog: The catalog.
        parser: Turns bytes into documents.
        changes: Splits changed documents.
        writer: Stores them.
        parsers_version: Version of the parsers.
    """

    def __init__(
        self, catalog: Catalog, parser: FileParser, changes: Changes, writer: BatchWriter, parsers_version: str
    ) -> None:
        self._catalog = catalog
        self._parser = parser
        self._changes = changes
        self._writer = writer
        self._parsers_version = parsers_version
        self._links = MailLinks(catalog)

    def update_outdated(self, tally: Tally) -> None:
        """Parses again the documents that another version of the parsers has read.

        If a document's original bytes are gone, its blocks are recognised from its text.
        """
        outdated = self._catalog.documents.outdated(self._parsers_version)
        unchanged = tally.unchanged  # these documents have been counted
        for root_id, of_root in groupby(outdated, key=lambda one: one.root_id):
            revisions = self._catalog.documents.revisions(root_id)
            before = Before.of(revisions)
            self._writer.store(self._parse_outdated(root_id, list(of_root), before, tally), tally)
        tally.unchanged = unchanged

    def _parse_outdated(
        self, root_id: int, outdated: Sequence[Outdated], before: Before, tally: Tally
    ) -> Iterator[PreparedDocument]:
        scans = self._catalog.files.scans(root_id)
        for file, of_file in groupby(outdated, key=lambda one: one.file):
            documents = list(of_file)
            try:
                data = self._original_of(documents[0])
                parsed = self._parser.parse(data, file)
            except (SourceError, ReadError) as error:
                if isinstance(error, ReadError) and error.retryable:  # the next import tries again
                    continue
                for one in documents:
                    document = self._catalog.documents.get(one.id)
                    blocks = recognised(document.text, markdown=document.has_headings)
                    self._catalog.documents.reblocked(one.id, blocks, self._parsers_version)
                continue
            content_hash = hashlib.sha256(data).hexdigest()
            seen = scans.get(file) or not_a_file(file, content_hash)
            yield from self._changes.of_file(root_id, parsed, FileOutcome((seen,)), before, tally, is_reread=True)

    def link_mails(self, tally: Tally) -> None:
        """Stores the mails again in which other quotations are to be searched, now that other mails are here."""
        added, updated = tally.added, tally.updated  # these documents have been counted
        relinked = (
            replace(
                self._changes.split(mail.root_id, document, mail.source),
                older=Revision(mail.id, mail.content_hash, mail.source),
            )
            for mail, document in self._links.changed()
        )
        self._writer.store(relinked, tally)
        self._links.finish()
        tally.added, tally.updated = added, updated

    def _original_of(self, outdated: Outdated) -> bytes:
        """Returns the bytes that a document was read from.

        Raises:
            SourceError: They are gone, or they are a web page's, whose type and encoding were told by its server.
        """
        if self._catalog.documents.origin(outdated.id).kind == "url":
            raise SourceError("a web page cannot be parsed again without its server's headers", "run: rag refresh")
        return original(self._catalog, outdated.id, outdated.file)
