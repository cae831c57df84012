"""The scan of the catalog's vectors follows the change log, and starts over when it must."""

from __future__ import annotations

import pytest

from rag.index.catalog import Catalog
from rag.index.catalog_scan import CatalogScan

from .samples import AXES, add


@pytest.fixture
def scan(catalog: Catalog) -> CatalogScan:
    """Over two passages along axes 0 and 1."""
    add(catalog, "a", "One.", "Two.", axes=[0, 1])
    return CatalogScan(catalog)


def keys(scan: CatalogScan) -> set[str]:
    return {key for key, _ in scan.nearest(AXES[0], 100)}


def test_all_vectors_are_scanned(scan: CatalogScan, catalog: Catalog) -> None:
    """Then those that come and go."""
    scan.update(all_vectors=True, after=0)
    assert [("1:1", 1.0)] == scan.nearest(AXES[1], 1)

    second, _ = add(catalog, "b", "Three.", axes=[2])
    catalog.documents.hide([1])
    catalog.sweep(unfinished_too=False)
    scan.update(all_vectors=True, after=0)

    assert {f"{second}:0"} == keys(scan)


def test_only_what_follows_a_position_is_scanned(scan: CatalogScan) -> None:
    """What the index has confirmed is dropped."""
    scan.update(all_vectors=False, after=1)
    assert {"1:1"} == keys(scan)

    scan.drop(["1:1"])
    assert set() == keys(scan)


def test_a_scan_of_everything_drops_nothing(scan: CatalogScan) -> None:
    """It does not depend on what the index has."""
    scan.update(all_vectors=True, after=0)
    scan.drop(["1:0"])

    assert {"1:0", "1:1"} == keys(scan)


def test_changing_the_extent_starts_over(scan: CatalogScan) -> None:
    """From everything to the end of the log, and back."""
    scan.update(all_vectors=True, after=0)
    scan.update(all_vectors=False, after=1)
    assert {"1:1"} == keys(scan)

    scan.update(all_vectors=True, after=1)
    assert {"1:0", "1:1"} == keys(scan)


def test_a_trimmed_log_starts_over(scan: CatalogScan, catalog: Catalog) -> None:
    """Entries that the scan has not seen are gone."""
    scan.update(all_vectors=True, after=0)
    second, _ = add(catalog, "b", "Three.", axes=[2])
    catalog.changes.trim(3)
    scan.update(all_vectors=True, after=0)

    assert {"1:0", "1:1", f"{second}:0"} == keys(scan)


def test_another_index_version_starts_over(scan: CatalogScan, catalog: Catalog) -> None:
    """Its passages have other keys; the log shows none of them."""
    scan.update(all_vectors=True, after=0)
    catalog._db.run("UPDATE passages SET edition = 2, key = 'new:' || id")
    catalog._db.run("UPDATE editions SET id = 2")
    scan.update(all_vectors=True, after=0)

    assert {"new:1", "new:2"} == keys(scan)
