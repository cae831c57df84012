"""The account that a page demands which others on the network can reach: its password is kept as a hash only.

One account, in the index folder. Who logs in gets a random token; the server knows it by its hash, until it ends.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rag.errors import SettingsError, StorageError

FILE = "account.json"
SESSION_S = 7 * 24 * 3600.0
SHORTEST = 10  # characters of a password
_LONGEST = 1_000
# 64 MB and some 0.15 s for each try (RFC 7914; OWASP's least is 2^17 with r = 8, p = 1, or this with p = 2).
_N, _R, _P = 2**16, 8, 2
_MOST_SESSIONS = 1_000
_MOST_CLIENTS = 10_000


@dataclass(frozen=True, slots=True)
class Account:
    """A user's name, and the salted hash of the password."""

    user: str
    salt: bytes
    hash: bytes

    def admits(self, user: str, password: str) -> bool:
        """Whether it is this user's password. Takes as long whatever is wrong."""
        is_password = hmac.compare_digest(_hashed(password[:_LONGEST], self.salt), self.hash)
        return hmac.compare_digest(user.encode(), self.user.encode()) and is_password


def create(folder: Path, user: str, password: str) -> None:
    """Makes the account of an index, in place of the one it had.

    Raises:
        SettingsError: The name is empty or cannot be shown, or the password is too short.
        StorageError: It cannot be written.
    """
    if not user.strip() or not user.isprintable() or len(user) > 100:
        raise SettingsError("an account needs a name of up to 100 characters", "for example: rag account jane")
    if not SHORTEST <= len(password) <= _LONGEST:
        raise SettingsError(f"a password needs at least {SHORTEST} characters", "several words are best")
    salt = secrets.token_bytes(16)
    kept = json.dumps({"user": user, "salt": salt.hex(), "scrypt": _hashed(password, salt).hex()})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / f"{FILE}.{secrets.token_hex(4)}"
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(kept)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(folder / FILE)
    except OSError as error:
        raise StorageError(
            f"the account cannot be written ({error.strerror})", "look at the folder of the index"
        ) from error


def load(folder: Path) -> Account | None:
    """The account of an index; None if it has none.

    Raises:
        SettingsError: Its file is none of ours.
    """
    try:
        kept = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return Account(kept["user"], bytes.fromhex(kept["salt"]), bytes.fromhex(kept["scrypt"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise SettingsError(f"{folder / FILE} cannot be read", "make the account again: rag account NAME") from None


def _hashed(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_N, r=_R, p=_P, maxmem=2 * 128 * _N * _R, dklen=32)


class Sessions:
    """Who is logged in, until the server ends. Safe to share between threads.

    Example:
        >>> sessions = Sessions()
        >>> token = sessions.begin()
        >>> sessions.holds(token), sessions.holds("guess")
        (True, False)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self) -> str:
        """A token for someone who has logged in."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._until[_digest(token)] = self._clock() + SESSION_S
            while len(self._until) > _MOST_SESSIONS:
                self._until.popitem(last=False)
        return token

    def holds(self, token: str) -> bool:
        """Whether someone is logged in with that token."""
        with self._lock:
            return self._until.get(_digest(token), 0.0) > self._clock()

    def end(self, token: str) -> None:
        """Logs them out."""
        with self._lock:
            self._until.pop(_digest(token), None)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class Rate:
    """How often each client may do something: so many at once, and then so many a second. Safe to share between threads.

    Args:
        at_once: How many at once.
        a_second: How many more each second.
        clock: Seconds.

    Example:
        >>> rate = Rate(1, 0.5, clock=lambda: 7.0)
        >>> rate.wait_s("10.0.0.1"), rate.wait_s("10.0.0.1"), rate.wait_s("10.0.0.2")
        (0.0, 2.0, 0.0)
    """

    def __init__(self, at_once: float, a_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._at_once, self._a_second, self._clock = at_once, a_second, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client → left at that time
        self._lock = threading.Lock()

    def wait_s(self, client: str) -> float:
        """Seconds until this client may: 0 if it may now, which then counts."""
        with self._lock:
            now = self._clock()
            left, then = self._left.pop(client, (self._at_once, now))
            left = min(self._at_once, left + (now - then) * self._a_second)
            may = left >= 1
            self._left[client] = (left - may, now)
            while len(self._left) > _MOST_CLIENTS:
                self._left.popitem(last=False)
            return 0.0 if may else (1 - left) / self._a_second
