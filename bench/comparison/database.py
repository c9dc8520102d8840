"""A private PostgreSQL: in a folder of its own, gone when it was used."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .programs import Failed

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "unix_socket_directories": "",
}


@contextmanager
def private(work: Path) -> Iterator[str]:
    """The URL of a new server that syncs every commit. Where this is root, the server runs as another user."""
    programs = newest()
    # Not under `work`: its parents may be closed to the server's user.
    home = Path(tempfile.mkdtemp(prefix="everthread-bench-pg-"))
    other = "postgres" if os.geteuid() == 0 else None
    if other:
        shutil.chown(home, other)
    data, log, port = home / "data", home / "log", free_port()
    settings = {**SETTINGS, "port": str(port)}
    options = " ".join(f"-c {name}={value}" if value else f"-c {name}=''" for name, value in settings.items())
    become = becomes(other)
    try:
        execute([programs / "initdb", "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"], become)
        execute([programs / "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start"], become)
        try:
            yield f"postgres://bench@127.0.0.1:{port}/postgres"
        finally:
            execute([programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"], become)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def newest() -> Path:
    """The folder of the programs of the newest PostgreSQL."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    found = [folder for folder in folders if (folder / "initdb").is_file()]
    if not found:
        raise Failed("PostgreSQL is missing: sudo apt-get install postgresql")
    return found[-1]


def becomes(user: str | None) -> Callable[[], None] | None:
    """What a child does first, to be that user."""
    if not user:
        return None
    entry = pwd.getpwnam(user)

    def become() -> None:
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)

    return become


def execute(command: list[object], become: Callable[[], None] | None) -> None:
    """Runs a program of the server's."""
    # Not into a pipe: the server inherits it and would keep it open.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            [str(part) for part in command], cwd="/", stdin=subprocess.DEVNULL, stdout=said, stderr=said, preexec_fn=become, check=False
        )
        said.seek(0)
        if done.returncode:
            raise Failed(f"{Path(str(command[0])).name}: {said.read().decode(errors='replace').strip()[-400:]}")


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
