"""Runs a generator in its own thread, so that some results, up to a size limit, are produced before they are needed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
_CLOSE_TIMEOUT_S = 1.5


class Prefetcher(Generic[T]):
    """Yields a generator's results in order. The next results are produced while the consumer is using the previous one.

    Close the prefetcher, or use it as a context manager, to stop the generator at its next result. An error in the
    generator is raised in the consumer, after the results that were produced before the error.

    Args:
        generator: Generator that produces the results.
        weight: Function that returns a result's size, in any unit.
        capacity: Maximum total size of the waiting results. A larger result is added only when no other result is waiting.

    Example:
        >>> with Prefetcher((letter for letter in "abc"), len, 2) as letters:
        ...     list(letters)
        ['a', 'b', 'c']
    """

    def __init__(self, generator: Generator[T], weight: Callable[[T], int], capacity: int) -> None:
        self._generator = generator
        self._weight = weight
        self._capacity = capacity
        self._waiting: deque[T] = deque()
        self._waiting_weight = 0
        self._is_finished = False
        self._is_closed = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._produce, name="prefetch", daemon=True)
        self._thread.start()

    def __enter__(self) -> Prefetcher[T]:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_finished)
                if not self._waiting:
                    if self._error is not None:
                        raise self._error
                    return
                result = self._waiting.popleft()
                self._waiting_weight -= self._weight(result)
                self._changed.notify_all()
            yield result

    def close(self) -> None:
        """Stops the generator at its next result, and waits up to 1.5 s for it to stop."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join(_CLOSE_TIMEOUT_S)

    def _produce(self) -> None:
        try:
            for result in self._generator:
                if not self._put(result):
                    self._generator.close()
                    break
        except BaseException as error:  # raised again in the consumer's thread
            self._error = error
        with self._changed:
            self._is_finished = True
            self._changed.notify_all()

    def _put(self, result: T) -> bool:
        """Waits until there is room for a result and adds it; returns False if the prefetcher was closed."""
        weight = self._weight(result)
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closed or not self._waiting or self._waiting_weight + weight <= self._capacity
            )
            if self._is_closed:
                return False
            self._waiting.append(result)
            self._waiting_weight += weight
            self._changed.notify_all()
            return True
