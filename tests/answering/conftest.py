"""The small library that tests of answers only read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rag import Library

from .. import corpus
from ..torture.world import leave_chroma_alone


@pytest.fixture(scope="package")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """The eight documents of `corpus`, quoted without a model."""
    with Library.open(tmp_path_factory.mktemp("answering") / "index", short_lived=True) as opened:
        leave_chroma_alone(opened)
        opened.add_documents(corpus.documents())
        yield opened
