"""Builds the programs, runs them and reads their JSON lines."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Line = dict[str, Any]

RUN_LIMIT_S = 1800
ERROR_CHARACTERS = 600
PACKAGES = ("langgraph", "langgraph-checkpoint-sqlite", "langgraph-checkpoint-postgres", "psycopg")
SERVER_PACKAGES = ("langgraph-api", "langgraph-runtime-inmem")


class Failed(Exception):
    """A program could not be built or run; the message says which and why."""


@dataclass(frozen=True)
class Prepared:
    """The programs, ready to run."""

    everthread: Path
    raw: Path | None
    raw_postgres: Path | None
    python: Path | None
    server_python: Path | None
    langgraph: Path
    versions: dict[str, str]


def prepare(repository: Path, work: Path, arguments: argparse.Namespace, workloads: set[str]) -> Prepared:
    """Builds what the workloads need."""
    rivals = repository / "bench" / "rivals"
    everthread = arguments.everthread or cargo_build(repository, ["--package", "everthread", "--bin", "everthread"])
    raw = raw_postgres = python = server_python = None
    own = [] if "CARGO_TARGET_DIR" in os.environ else ["--target-dir", str(work / "target")]
    if "durable" in workloads:
        raw = arguments.raw or cargo_build(rivals / "raw_sqlite", own)
    if "postgres" in workloads:
        raw_postgres = arguments.raw_postgres or cargo_build(rivals / "raw_postgres", own)
    if "server" in workloads:
        own_python = work / "venv-server"
        server_python = arguments.server_python or virtual_environment(rivals / "langgraph" / "requirements-server.txt", own_python)
    if workloads - {"start", "server", "streams"}:
        python = arguments.python or virtual_environment(rivals / "langgraph" / "requirements.txt", work / "venv")
    program = rivals / "langgraph" / "bench_langgraph.py"
    versions = {**sqlite_versions(repository, rivals), **(langgraph_versions(python, PACKAGES) if python else {}),
                **(langgraph_versions(server_python, SERVER_PACKAGES) if server_python else {})}
    absolute = everthread.resolve(), raw and raw.resolve(), raw_postgres and raw_postgres.resolve(), python and python.absolute(), server_python and server_python.absolute()
    return Prepared(*absolute, program, versions)


def cargo_build(folder: Path, options: list[str]) -> Path:
    """Builds a release binary; gives its path as Cargo reports it."""
    say(f"build {folder.name}")
    command = ["cargo", "build", "--release", "--locked", "--message-format=json-render-diagnostics", *options]
    built = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    if built.returncode:
        raise Failed(f"cargo could not build {folder.name}: its messages are above")
    found = [message["executable"] for message in map(json.loads, built.stdout.splitlines()) if message.get("executable")]
    if not found:
        raise Failed(f"cargo built no binary in {folder.name}")
    return Path(found[-1])


def virtual_environment(requirements: Path, place: Path) -> Path:
    """A Python with the pinned packages; made once, and again when the pins change."""
    python, stamp = place / "bin" / "python", place / "requirements.txt"
    wanted = requirements.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    say("install LangGraph")
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(place)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)],
    ):
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
            raise Failed("LangGraph could not be installed: the message is above (on Debian, python3-venv must be there)")
    stamp.write_text(wanted)
    return python


def sqlite_versions(repository: Path, rivals: Path) -> dict[str, str]:
    """The bindings that ours and the raw loop are locked to: a comparison wants them equal."""
    return {
        "libsqlite3-sys of everthread": locked(repository / "Cargo.lock", "libsqlite3-sys"),
        "libsqlite3-sys of the raw loop": locked(rivals / "raw_sqlite" / "Cargo.lock", "libsqlite3-sys"),
    }


def locked(lock: Path, package: str) -> str:
    """A package's version in a Cargo.lock."""
    found = re.search(rf'name = "{package}"\nversion = "([^"]+)"', lock.read_text() if lock.exists() else "")
    return found[1] if found else "unknown"


def langgraph_versions(python: Path, packages: tuple[str, ...]) -> dict[str, str]:
    """What the rival is made of."""
    ask = (
        "import importlib.metadata as m, json, platform, sqlite3;"
        "print(json.dumps({'Python': platform.python_version(), 'SQLite of Python': sqlite3.sqlite_version,"
        f"**{{p: m.version(p) for p in {packages}}}}}))"
    )
    told = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=False)
    if told.returncode:
        raise Failed(f"{python.name} has no LangGraph: {told.stderr.strip()[-ERROR_CHARACTERS:]}")
    return json.loads(told.stdout)


def run(command: list[str], environment: dict[str, str]) -> list[Line]:
    """Runs a program and gives its JSON lines."""
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(str(error)) from error
    if done.returncode:
        raise Failed(f"exit code {done.returncode}: {(done.stderr or done.stdout).strip()[-ERROR_CHARACTERS:]}")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise Failed("it printed no figure")
    wrong = [line for line in lines if line.get("errors")]
    if wrong:
        raise Failed(f"turns failed: {wrong[0]}")
    return lines


def say(what: str) -> None:
    """Progress, on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)
