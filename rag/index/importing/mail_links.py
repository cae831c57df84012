"""Finds what mails in separate files quote from each other, so that every message is searched once.

Which quotations are searched depends on the other mails in the folder. Therefore this is decided again for a thread if one
of its mails is new, has changed or is gone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from rag.errors import SourceError
from rag.index.records import StoredMail
from rag.records import Document
from rag.sources.decoding.mail_threads import linked, topic
from rag.text.blocks import quotations

if TYPE_CHECKING:
    from rag.index.catalog import Catalog

_DONE = "linked mail threads"  # fact in the catalog: the state of each thread when its quotations were last linked


class MailLinks:
    """Links the quotations in the mails of one catalog. The caller holds the import lock.

    Args:
        catalog: The catalog.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._states: dict[str, str] = {}  # of the threads of several mails

    def changed(self) -> Iterator[tuple[StoredMail, Document]]:
        """Yields the mails in which other quotations are to be searched than so far.

        Each has to be stored again; then, `finish` has to be called.
        """
        before = self._done()
        threads: dict[str, list[StoredMail]] = {}
        for mail in self._catalog.documents.mails():
            threads.setdefault(_digest(mail.root_id, topic(mail.title)), []).append(mail)
        self._states = {
            name: _digest(*(f"{mail.source} {mail.content_hash}" for mail in thread))
            for name, thread in threads.items()
            if len(thread) > 1
        }
        for name, thread in threads.items():
            if before.get(name) != self._states.get(name):
                yield from self._relinked(thread)

    def finish(self) -> None:
        """Records that all mails have been stored that `changed` found."""
        if self._states != self._done():
            self._catalog.meta.set(_DONE, json.dumps(self._states))

    def _done(self) -> dict[str, str]:
        return dict(json.loads(self._catalog.meta.get(_DONE) or "{}"))

    def _relinked(self, thread: list[StoredMail]) -> Iterator[tuple[StoredMail, Document]]:
        found = []
        for mail in thread:
            try:
                found.append((mail, self._catalog.documents.get(mail.id)))
            except SourceError:  # it was removed in the meantime
                continue
        documents = linked([_unlinked(document) for _, document in found], [mail.source for mail, _ in found])
        for (mail, before), now in zip(found, documents, strict=True):
            if now.blocks != before.blocks:
                yield mail, replace(now, content_hash=before.content_hash)


def _unlinked(document: Document) -> Document:
    quoted = {index for index, _, _ in quotations(document.blocks)}
    blocks = (replace(block, number="") if n in quoted else block for n, block in enumerate(document.blocks))
    return replace(document, blocks=tuple(blocks))


def _digest(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]
