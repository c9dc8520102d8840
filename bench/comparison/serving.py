"""Servers under load: ours and `langgraph dev`, each on a port of its own, and what idle streams cost."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .programs import Failed
from .prompt import resident_bytes

START_LIMIT_S = 60.0
STOP_LIMIT_S = 30.0
#: Shorter than the server's heartbeat: what a stream holds is there at once.
SETTLE_S = 3.0


@dataclass(frozen=True)
class Serving:
    """A server that answers."""

    url: str
    process: int


@contextmanager
def everthread(binary: Path, database: Path, environment: dict[str, str], model: str = "scripted:echo") -> Iterator[Serving]:
    """Our server on this database."""
    command = [str(binary), "serve", "--storage", f"sqlite:{database}", "--model", model, "--listen", "127.0.0.1:0", "--json"]
    log = database.with_suffix(".log").open("wb")
    with log, running(command, environment, log, database.parent) as process:
        told = ""
        for line in process.stdout or []:
            told += line
            if line.rstrip() == "}":
                break
        if not told:
            raise Failed(f"our server did not start: {database.with_suffix('.log').read_text()[-600:]}")
        yield Serving(json.loads(told)["listening"], process.pid)


@contextmanager
def langgraph_dev(python: Path, sources: Path, work: Path, environment: dict[str, str], jobs: int) -> Iterator[Serving]:
    """LangGraph's development server with the notebook's graph; its store is in memory.

    It works on so many runs at once. By default that is one, which does well with a model that answers at once and badly
    with any other.
    """
    folder = work / "langgraph-dev"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in ("langgraph.json", "served.py", "bench_langgraph.py"):
        shutil.copy(sources / name, folder)
    url = f"http://127.0.0.1:{free_port()}"
    command = [str(python.parent / "langgraph"), "dev", "--no-browser", "--no-reload", "--port", url.rsplit(":", 1)[1]]
    command += ["--n-jobs-per-worker", str(jobs)]
    own = {**environment, "LANGSMITH_TRACING": "false"}
    own["PATH"] = f"{python.parent}{os.pathsep}{own.get('PATH', '')}"
    with (folder / "log").open("wb") as log, running(command, own, log, folder) as process:
        wait_until_ok(url, process)
        yield Serving(url, process.pid)


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Any, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A program in a group of its own, which is ended with all that it started."""
    process = subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.PIPE if "serve" in command else log, stderr=log, text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout:
            process.stdout.close()


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until_ok(url: str, process: subprocess.Popen[str]) -> None:
    """Returns once the server answers."""
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/ok", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            if process.poll() is not None:
                break
            time.sleep(0.2)
    raise Failed("langgraph dev did not start: bench-work/langgraph-dev/log says why")


def idle_streams(serving: Serving, count: int) -> dict[str, int]:
    """What so many open streams add to the server's memory, while nothing comes on any of them.

    Half of them follow a thread on which nothing happens, half wait for a run that never replies: the server's model is
    `scripted:hang`.
    """
    post(serving.url, "/threads", {"thread_id": "idle", "if_exists": "do_nothing"})
    run = post(serving.url, "/threads/idle/runs", {"assistant_id": "chat", "input": message("wait")})["run_id"]
    paths = ["/threads/idle/stream", f"/threads/idle/runs/{run}/stream"]
    with ExitStack() as open_streams:
        # The first ones warm what a server has once, however many streams there are.
        for number in range(20):
            open_stream(serving.url, paths[number % 2], open_streams)
        time.sleep(SETTLE_S)
        before = resident_bytes(serving.process)
        for number in range(count):
            open_stream(serving.url, paths[number % 2], open_streams)
        time.sleep(SETTLE_S)
        return {"streams": count, "added_bytes": resident_bytes(serving.process) - before}


def message(text: str) -> dict[str, Any]:
    """The input of a turn."""
    return {"messages": [{"role": "user", "content": text}]}


def post(url: str, path: str, body: dict[str, Any]) -> Any:
    """Sends a request; gives the answer."""
    request = urllib.request.Request(f"{url}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=START_LIMIT_S) as answer:
            return json.load(answer)
    except OSError as error:
        raise Failed(f"{path}: {error}") from error


def open_stream(url: str, path: str, streams: ExitStack) -> None:
    """Opens a stream and reads its headers."""
    host, port = re.fullmatch(r"http://(.+):(\d+)", url).groups()
    connection = streams.enter_context(socket.create_connection((host, int(port)), timeout=START_LIMIT_S))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/event-stream\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        got = connection.recv(65536)
        if not got:
            raise Failed(f"the server closed a stream: {head[:200]!r}")
        head += got
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise Failed(f"the server opens no stream: {head[:300]!r}")
