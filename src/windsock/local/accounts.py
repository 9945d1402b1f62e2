"""The unprivileged account for PostgreSQL, which refuses to run as root, and what that account can reach."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int


def unprivileged() -> Account | None:
    """The account to change to: ``postgres`` or ``nobody`` for root, None for an ordinary user."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise LookupError("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` here")


def can_pass(folder: Path, account: Account | None) -> bool:
    """Whether the account may enter the folder and every folder above it; None is the caller itself."""
    if account is None:
        return True
    folder = folder.resolve()
    return all(_may_enter(os.stat(each), account) for each in (folder, *folder.parents) if each.exists())


def _may_enter(entry: os.stat_result, account: Account) -> bool:
    if entry.st_uid == account.uid:
        return bool(entry.st_mode & stat.S_IXUSR)
    if entry.st_gid == account.gid:
        return bool(entry.st_mode & stat.S_IXGRP)
    return bool(entry.st_mode & stat.S_IXOTH)
