import os
from pathlib import Path

import pytest

from windsock.local import accounts
from windsock.local.accounts import Account

STRANGER = Account(name="stranger", uid=54321, gid=54321)


def test_an_ordinary_user_needs_no_other_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert accounts.unprivileged() is None


def test_root_changes_to_an_account_without_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    account = accounts.unprivileged()
    assert account is not None
    assert account.uid != 0


def test_a_closed_folder_above_stops_the_account(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    inner = closed / "inner"
    inner.mkdir(parents=True)
    closed.chmod(0o700)
    assert not accounts.can_pass(inner, STRANGER)


def test_open_folders_let_the_account_pass() -> None:
    assert accounts.can_pass(Path("/usr"), STRANGER)


def test_the_caller_itself_is_not_checked(tmp_path: Path) -> None:
    assert accounts.can_pass(tmp_path, None)
