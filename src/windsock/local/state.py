"""The state folder `.windsock/`: what outlives a run, who may read it, and who holds it."""

import base64
import contextlib
import fcntl
import json
import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windsock.local import accounts

# Bytes of randomness. The password is for people.
_GENERATED = {"jwt_secret": 32, "api_secret_key": 32, "feed_key": 32, "airflow_password": 12}

#: Parts start in threads; each must see the same secrets.
_MAKING = threading.Lock()


@dataclass(frozen=True, slots=True)
class State:
    """Paths and small files below one folder. Every file with a secret has mode 0600."""

    folder: Path

    @property
    def logs(self) -> Path:
        """The folder of the parts' logs."""
        return self.folder / "logs"

    @property
    def run(self) -> Path:
        """The folder of sockets and ready marks, if sockets fit there."""
        return self.folder / "run"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.folder / "airflow"

    @property
    def password_file(self) -> Path:
        """The superuser's password."""
        return self.folder / "password"

    @property
    def token_file(self) -> Path:
        """The superuser's API token."""
        return self.folder / "token"

    def prepare(self) -> None:
        """Makes the folders. Root's are passable, not listable, since the database runs as another user."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711 if accounts.unprivileged() else 0o700)
        for private in (self.logs, self.airflow):
            private.mkdir(mode=0o700, exist_ok=True)
        ignore = self.folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")

    def log(self, name: str) -> Path:
        """The log file of a part."""
        return self.logs / f"{name}.log"

    def read(self, name: str) -> dict[str, Any]:
        """The JSON object in the file, empty if there is none."""
        try:
            value = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return value if isinstance(value, dict) else {}

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        """Replaces the file with the JSON object, in one step, mode 0600."""
        self.write_text(name, json.dumps(value, indent=2) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Replaces the file with the text, in one step, mode 0600."""
        target = self.folder / name
        unfinished = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}")
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        unfinished.replace(target)

    def read_text(self, name: str) -> str | None:
        """The file's text without the last line end, None if there is no such file."""
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / name).read_text(encoding="utf-8").strip()
        return None

    def secrets(self) -> dict[str, str]:
        """The generated secrets; made at the first call and the same ever after."""
        with _MAKING:
            return self._make_secrets()

    def _make_secrets(self) -> dict[str, str]:
        kept = self.read("secrets.json")
        made = {name: kept.get(name) or secrets.token_urlsafe(size) for name, size in _GENERATED.items()}
        fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        made["fernet_key"] = kept.get("fernet_key") or fernet
        if made != kept:
            self.write("secrets.json", made)
        return made

    def hold(self) -> int | None:
        """Takes the lock of this state folder; None if another supervisor has it.

        The descriptor must stay open; a fork shares it, so the lock lasts until both processes are gone.
        """
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor
