"""Prefetching: in order, a bounded distance ahead, stopped on close, with errors in their place."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator

import pytest

from rag.index.prefetch import Prefetcher


def one(_: object) -> int:
    return 1


def test_it_is_not_far_ahead() -> None:
    """Waiting results fit the capacity; a larger one waits alone."""
    made: list[int] = []

    def numbers() -> Generator[int]:
        for n in range(20):
            made.append(n)
            yield n

    with Prefetcher(numbers(), one, 3) as ahead:
        taken = []
        for n in ahead:
            time.sleep(0.005)
            taken.append(n)
            assert len(made) <= len(taken) + 4  # three wait, and the next is made
    assert list(range(20)) == taken

    with Prefetcher((n for n in [100, 1, 100]), lambda n: n, 3) as ahead:
        assert [100, 1, 100] == list(ahead)


def test_it_works_beside() -> None:
    """The next result is produced while the one before is used."""
    second_is_made = threading.Event()

    def two() -> Generator[str]:
        yield "first"
        second_is_made.set()
        yield "second"

    with Prefetcher(two(), one, 5) as ahead:
        taken = iter(ahead)
        assert "first" == next(taken)
        assert second_is_made.wait(5)


def test_an_error_comes_where_it_happened() -> None:
    """Results before it are not lost."""

    def breaks() -> Generator[int]:
        yield 1
        yield 2
        raise OSError("the disk is gone")

    with Prefetcher(breaks(), one, 5) as ahead:
        taken = iter(ahead)
        assert [1, 2] == [next(taken), next(taken)]
        with pytest.raises(OSError, match="disk"):
            next(taken)


def test_nobody_wants_more() -> None:
    """Closing stops the generator, which can clean up."""
    ended = threading.Event()

    def forever() -> Generator[int]:
        try:
            n = 0
            while True:
                yield (n := n + 1)
        finally:
            ended.set()

    # Threads that other tests of this process started may end meanwhile, so only the prefetcher's own are looked at.
    before = set(threading.enumerate())
    with Prefetcher(forever(), one, 2) as ahead:
        assert 1 == next(iter(ahead))
        [producer] = [thread for thread in threading.enumerate() if thread not in before and thread.name == "prefetch"]
    assert not producer.is_alive()
    assert ended.wait(5)
