"""Works ahead of whoever takes the results: a generator that runs in a thread of its own, and never far ahead. Pure."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
_PATIENCE_S = 10.0


class Prefetcher(Generic[T]):
    """What a generator yields, in order, made while the one before is being used.

    Close it, or use it as a context: that ends the generator where it stands. What the generator raises is raised to
    whoever takes the results, after those that came before.

    Args:
        made: The generator.
        weight: Result → how much room it takes.
        most: Room for results that wait; one that takes more waits alone.

    Example:
        >>> with Prefetcher((letter for letter in "abc"), len, 2) as letters:
        ...     list(letters)
        ['a', 'b', 'c']
    """

    def __init__(self, made: Generator[T], weight: Callable[[T], int], most: int) -> None:
        self._made = made
        self._weight = weight
        self._most = most
        self._waiting: deque[T] = deque()
        self._taken_up = 0
        self._ended = False
        self._closed = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="ahead", daemon=True)
        self._thread.start()

    def __enter__(self) -> Prefetcher[T]:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if not self._waiting:
                    if self._error is not None:
                        raise self._error
                    return
                result = self._waiting.popleft()
                self._taken_up -= self._weight(result)
                self._changed.notify_all()
            yield result

    def close(self) -> None:
        """Ends the generator at its next result, and waits a while for that."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(_PATIENCE_S)

    def _work(self) -> None:
        try:
            for result in self._made:
                if not self._put(result):
                    self._made.close()
                    break
        except BaseException as error:  # whoever takes the results is told
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _put(self, result: T) -> bool:
        """Waits for room; False if nobody wants any more."""
        weight = self._weight(result)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._waiting or self._taken_up + weight <= self._most)
            if self._closed:
                return False
            self._waiting.append(result)
            self._taken_up += weight
            self._changed.notify_all()
            return True
