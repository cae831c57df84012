"""Manages the account that users must log in to if other machines can reach the web interface.

Each index has at most one account, which is stored in a file in the index folder. The file contains a salted hash of the
password, not the password itself.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from rag.errors import SettingsError, StorageError

FILE = "account.json"
_MAX_NAME = 100  # characters
_MIN_PASSWORD, _MAX_PASSWORD = 10, 1_000  # characters
# Parameters for scrypt (RFC 7914), chosen from the sets that OWASP recommends. Each password check uses 64 MB of memory
# and takes 0.15 s.
_N, _R, _P = 2**16, 8, 2


@dataclass(frozen=True, slots=True)
class Account:
    """A username and the salted hash of its password."""

    user: str
    salt: bytes
    hash: bytes

    def verify(self, user: str, password: str) -> bool:
        """Returns whether the username and password are correct. The time it takes does not reveal which one is wrong."""
        is_password = hmac.compare_digest(_scrypt(password[:_MAX_PASSWORD], self.salt), self.hash)
        return hmac.compare_digest(user.encode(), self.user.encode()) and is_password


def create(folder: Path, user: str, password: str) -> None:
    """Creates the account for an index, replacing any existing account.

    Args:
        folder: The index folder.
        user: The username, 1 to 100 printable characters.
        password: The password, 10 to 1,000 characters.

    Raises:
        SettingsError: The username is empty, too long or not printable, or the password is too short or too long.
        StorageError: The account file cannot be written.
    """
    if not user.strip() or not user.isprintable() or len(user) > _MAX_NAME:
        raise SettingsError(
            f"invalid account name {user[:_MAX_NAME]!r}: it must consist of 1 to {_MAX_NAME} printable characters",
            "for example: rag account jane",
        )
    if not _MIN_PASSWORD <= len(password) <= _MAX_PASSWORD:
        raise SettingsError(
            f"the password must have at least {_MIN_PASSWORD} and at most {_MAX_PASSWORD:,} characters",
            "choose a password that consists of several words",
        )
    salt = secrets.token_bytes(16)
    content = json.dumps({"user": user, "salt": salt.hex(), "scrypt": _scrypt(password, salt).hex()})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{FILE}.{secrets.token_hex(4)}"
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / FILE)
    except OSError as error:
        raise StorageError(
            f"cannot write {folder / FILE} ({error.strerror})", "check the permissions of the index folder"
        ) from error


def load(folder: Path) -> Account | None:
    """Returns the account for the index in a folder; None if the index has no account.

    Raises:
        SettingsError: The account file cannot be read or is damaged.
    """
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return Account(content["user"], bytes.fromhex(content["salt"]), bytes.fromhex(content["scrypt"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise SettingsError(f"cannot read {folder / FILE}", "create the account again with: rag account NAME") from None


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_N, r=_R, p=_P, maxmem=2 * 128 * _N * _R, dklen=32)
