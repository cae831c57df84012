"""The account of an index: created, loaded, verified; invalid names, passwords and files are rejected."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from rag.errors import SettingsError, StorageError
from rag.server import accounts

PASSWORD = "correct horse battery"


def test_an_account_comes_back(tmp_path: Path) -> None:
    """The right name and password are accepted, anything else is not; the password itself is in no file."""
    accounts.create(tmp_path / "index", "jane", PASSWORD)
    account = accounts.load(tmp_path / "index")

    assert account is not None
    assert account.verify("jane", PASSWORD)
    assert not account.verify("john", PASSWORD)
    assert not account.verify("jane", PASSWORD + "x")
    (file,) = (tmp_path / "index").iterdir()
    assert PASSWORD not in file.read_text("utf-8")
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)


def test_an_account_is_replaced(tmp_path: Path) -> None:
    """The index has one account: the last."""
    accounts.create(tmp_path, "jane", PASSWORD)
    accounts.create(tmp_path, "joan", PASSWORD)
    assert "joan" == accounts.load(tmp_path).user


def test_an_index_without_an_account(tmp_path: Path) -> None:
    """Has none, which is no error."""
    assert accounts.load(tmp_path) is None


@pytest.mark.parametrize(
    ("user", "password", "message"),
    [
        ("", PASSWORD, "1 to 100 printable characters"),
        (" ", PASSWORD, "1 to 100 printable characters"),
        ("a\nb", PASSWORD, r"'a\\nb'"),
        ("a" * 101, PASSWORD, "1 to 100 printable characters"),
        ("jane", "too short", "at least 10 and at most"),
        ("jane", "x" * 1001, "at most 1,000 characters"),
    ],
)
def test_invalid_names_and_passwords(tmp_path: Path, user: str, password: str, message: str) -> None:
    """Each is named, and no account is created."""
    with pytest.raises(SettingsError, match=message):
        accounts.create(tmp_path, user, password)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"user": "jane", "salt": "zz", "scrypt": ""}'])
def test_a_damaged_file_is_an_error(tmp_path: Path, content: str) -> None:
    """It never counts as no account, which would open the page."""
    (tmp_path / accounts.FILE).write_text(content, "utf-8")
    with pytest.raises(SettingsError, match="cannot read"):
        accounts.load(tmp_path)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Is named with the reason."""
    (tmp_path / "index").write_text("a file", "utf-8")
    with pytest.raises(StorageError, match="cannot write"):
        accounts.create(tmp_path / "index", "jane", PASSWORD)
