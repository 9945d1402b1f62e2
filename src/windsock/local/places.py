"""Where data and sockets may stand: the database's account can reach them, and socket paths are short."""

import hashlib
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

from windsock.local.accounts import Account, can_pass
from windsock.local.errors import ForeignFolder

# macOS allows 104 bytes, Linux 108, both with the closing zero byte.
LONGEST_SOCKET_PATH = 103
_LONGEST_NAME = "postgres/.s.PGSQL.5432"
_TEMPORARY, _PREFIX = Path("/tmp"), "windsock-"  # noqa: S108
# Characters that mean the same in a path, in a connection URL and in a shell.
_PLAIN = re.compile(r"[A-Za-z0-9/._~-]+")


def own_folder(folder: Path, account: Account | None = None, mode: int = 0o700) -> Path:
    """Makes the folder with the mode, or checks that it is ours; then hands it to the account.

    Raises:
        ForeignFolder: It is a link, no folder, or another user's.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=mode)
    found = os.lstat(folder)
    owners = {os.geteuid()} | ({account.uid} if account else set())
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
        raise ForeignFolder(f"{folder} belongs to another user; remove it")
    folder.chmod(mode)
    if account:
        os.chown(folder, account.uid, account.gid)
    return folder


def database_folder(wanted: Path, account: Account | None) -> Path:
    """``wanted`` if the account can reach it, else a folder under /var/tmp that depends on the path alone.

    A home folder of mode 0700 is the usual reason. It is never opened: the data moves instead.
    """
    existing = next(each for each in (wanted, *wanted.parents) if each.exists())
    if can_pass(existing, account):
        return wanted
    digest = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]
    return own_folder(Path("/var/tmp") / f"windsock-{os.geteuid()}-{digest}", mode=0o711) / wanted.name  # noqa: S108


def fits_sockets(folder: Path, account: Account | None) -> bool:
    """Whether sockets in the folder have short, plain paths that the account can reach."""
    longest = folder / _LONGEST_NAME
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    return (
        len(os.fsencode(longest)) <= LONGEST_SOCKET_PATH
        and _PLAIN.fullmatch(str(folder)) is not None
        and can_pass(existing, account)
    )


def socket_folder(wanted: Path, account: Account | None, remembered: Path | None = None) -> Path:
    """``wanted``, or a private folder under /tmp when sockets do not fit there.

    Args:
        wanted: The folder to prefer.
        account: Who else must reach it.
        remembered: The folder that an earlier call made under /tmp; used again if it is still ours.
    """
    # Root's folder can be passed, not listed, by the database's account.
    mode = 0o711 if account else 0o700
    if fits_sockets(wanted, account):
        return own_folder(wanted, mode=mode)
    if remembered is not None and _is_made(remembered):
        return own_folder(remembered, mode=mode)
    made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_TEMPORARY))
    made.chmod(mode)
    return made


def remove_sockets(folder: Path) -> None:
    """Removes what `socket_folder` made under /tmp, once nobody listens there; another folder stays."""
    if _is_made(folder):
        shutil.rmtree(folder, ignore_errors=True)


def _is_made(folder: Path) -> bool:
    """Whether it is one of ours under /tmp, where anybody may take a name that we gave up."""
    if folder.parent != _TEMPORARY or not folder.name.startswith(_PREFIX) or folder.is_symlink():
        return False
    return folder.is_dir() and folder.stat().st_uid == os.geteuid()
