"""What is run in each round, and where its figures are kept."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import database, prompt, serving
from .machine import Background, wait_until_quiet
from .programs import Failed, Line, Prepared, run, say


LOADS: dict[str, list[object]] = {
    "notebook": ["--users", 20, "--turns", 3, "--workers", 10],
    "many": ["--users", 200, "--turns", 10, "--workers", 32],
}


@dataclass(frozen=True)
class Sizes:
    """How much work each run does."""

    turns: int = 1000
    engine_turns: int = 20_000
    growth_turns: int = 2000
    rival_growth_turns: int = 1000
    threads: int = 10_000
    messages: int = 2000
    starts: int = 15
    load_s: int = 10
    rival_load_s: int = 5
    streams: int = 1000

    @classmethod
    def quick(cls) -> Sizes:
        """Enough to see that everything runs."""
        return cls(100, 1000, 2000, 100, 200, 200, 3, 1, 0, 50)


@dataclass
class Measured:
    """All lines: by name of the run, then by round."""

    runs: dict[str, dict[int, list[Line]]] = field(default_factory=lambda: defaultdict(dict))
    failures: dict[str, str] = field(default_factory=dict)
    background: list[float] = field(default_factory=list)


class Bench:
    """One comparison: runs programs and keeps what they print."""

    def __init__(self, programs: Prepared, work: Path, sizes: Sizes, patience_s: float) -> None:
        self.programs, self.work, self.sizes, self.patience_s = programs, work, sizes, patience_s
        self.measured = Measured()
        self.round = 0
        home = work / "home"
        home.mkdir(exist_ok=True)
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
        self.environment = {**kept, "HOME": str(home), "TERM": "xterm-256color"}

    def keep(self, name: str, work: Callable[[], list[Line]]) -> bool:
        """Runs one thing and keeps its lines; a failure is kept too, and the comparison goes on."""
        wait_until_quiet(self.patience_s)
        background, start = Background(), time.monotonic()
        try:
            lines = work()
        except Failed as failure:
            self.measured.failures[name] = str(failure)
            say(f"round {self.round}: {name} FAILED: {failure}")
            return False
        busy = background.cores()
        self.measured.background.append(busy)
        self.measured.runs[name][self.round] = [{**line, "background_cores": busy} for line in lines]
        say(f"round {self.round}: {name}, {time.monotonic() - start:.1f} s{told(lines)}, others used {busy} cores")
        return True

    def keep_all(self, names: list[str], work: Callable[[], list[list[Line]]]) -> None:
        """The same for one thing that gives the lines of several."""
        rest: list[list[Line]] = []

        def first() -> list[Line]:
            lines, *others = work()
            rest.extend(others)
            return lines

        if self.keep(names[0], first):
            for name, lines in zip(names[1:], rest, strict=True):
                self.measured.runs[name][self.round] = lines

    def ours(self, *arguments: object) -> list[Line]:
        """Runs our benchmark."""
        return run([str(self.programs.everthread), "bench", *map(str, arguments), "--json"], self.environment)

    def langgraph(self, *arguments: object) -> list[Line]:
        """Runs LangGraph on the same work."""
        command = [str(self.programs.python), str(self.programs.langgraph), *map(str, arguments)]
        return run(command, self.environment)

    def file(self, name: str) -> Path:
        """A database that is not there yet."""
        path = self.work / name
        remove(path)
        return path

    def engine(self) -> None:
        """The notebook's graph without a store."""
        ours, theirs = self.sizes.engine_turns, self.sizes.turns
        self.keep("engine ours", lambda: self.ours("turns", "--storage", "none", "--turns", ours))
        self.keep("engine langgraph", lambda: self.langgraph("turns", "--storage", "none", "--turns", theirs))

    def durable(self) -> None:
        """The notebook's graph, each turn on disk; the raw loop then writes the very rows that ours wrote."""
        turns = self.sizes.turns
        ours, raw, theirs = self.file("ours.db"), self.file("raw.db"), self.file("langgraph.db")

        def sized(lines: list[Line], path: Path) -> list[Line]:
            return [{**line, "disk_bytes": disk_bytes(path)} for line in lines]

        def sqlite(path: Path) -> list[object]:
            return ["turns", "--storage", f"sqlite:{path}", "--turns", turns]

        if self.keep("durable ours", lambda: sized(self.ours(*sqlite(ours)), ours)):
            replay = [str(self.programs.raw), str(ours), str(raw)]
            self.keep("durable raw", lambda: sized(run(replay, self.environment), raw))
        self.keep("durable langgraph", lambda: sized(self.langgraph(*sqlite(theirs)), theirs))

    def growth(self) -> None:
        """A conversation that only grows. LangGraph's gigabyte is written once: no verdict rests on it."""
        ours, theirs = self.file("growth.db"), self.file("growth-langgraph.db")
        turns, rival_turns = self.sizes.growth_turns, self.sizes.rival_growth_turns
        self.keep("growth ours", lambda: self.ours("growth", "--storage", f"sqlite:{ours}", "--turns", turns))
        if self.round == 1:
            arguments = ["growth", "--storage", f"sqlite:{theirs}", "--turns", rival_turns]
            self.keep("growth langgraph", lambda: self.langgraph(*arguments))
        remove(theirs)

    def resume(self) -> None:
        """Opening a large store and loading a long conversation; each side's store is made once and kept."""
        size = ["--threads", self.sizes.threads, "--messages", self.sizes.messages]
        name = f"{self.sizes.threads}-{self.sizes.messages}.db"
        if self.round == 1:
            remove(self.work / f"resume-{name}")  # ours may have changed since; LangGraph's version is pinned
        ours = ["resume", "--storage", f"sqlite:{self.work / f'resume-{name}'}", *size]
        theirs = ["resume", "--storage", f"sqlite:{self.work / f'resume-langgraph-{name}'}", *size]
        self.keep("resume ours", lambda: self.ours(*ours))
        self.keep("resume langgraph", lambda: self.langgraph(*theirs))

    def start(self) -> None:
        """From the start of the binary to its first prompt: the first time, and with the store there."""
        path = self.file("start.db")
        command = [str(self.programs.everthread), "chat", "--model", "scripted:echo", "--storage", f"sqlite:{path}"]

        def starts() -> list[Line]:
            first = prompt.start(command, self.environment)
            later = [prompt.start(command, self.environment) for _ in range(self.sizes.starts)]
            ready_ms = statistics.median(start.ms for start in later)
            rss_bytes = statistics.median(start.rss_bytes for start in later)
            return [{"bench": "start", "ready_ms": ready_ms, "first_ready_ms": first.ms, "rss_bytes": rss_bytes}]

        self.keep("start ours", starts)

    def server(self) -> None:
        """The same turns over HTTP and in process; and `langgraph dev` by the same client. Then one client's streams."""
        many = ["load", "--users", 200, "--turns", 10, "--workers", 32, "--model", "scripted:echo"]
        one = ["load", "--users", 1, "--turns", 10, "--workers", 1, "--stream"]
        long, short = ["--seconds", self.sizes.load_s], ["--seconds", min(3, self.sizes.load_s)]
        # The same conversations, but fewer of them: the rival takes long for one.
        few = ["load", "--users", 32, "--turns", 10, "--workers", 32, "--seconds", min(1, self.sizes.load_s)]

        def ours() -> list[Line]:
            with serving.everthread(self.programs.everthread, self.file("served.db"), self.environment) as server:
                return self.ours(*many, *long, "--url", server.url)

        def stream() -> list[Line]:
            with serving.everthread(self.programs.everthread, self.file("streamed.db"), self.environment) as server:
                return self.ours(*one, *short, "--url", server.url)

        def theirs(jobs: int) -> list[list[Line]]:
            python, sources = self.programs.server_python, self.programs.langgraph.parent
            with serving.langgraph_dev(python, sources, self.work, self.environment, jobs) as server:
                return [self.ours(*few, "--url", server.url), self.ours(*one, *short, "--url", server.url)]

        inside = self.file("inside.db")
        self.keep("server ours", ours)
        self.keep("server inside", lambda: self.ours(*many, *long, "--storage", f"sqlite:{inside}"))
        self.keep("server stream", stream)
        self.keep_all(["server langgraph", "server langgraph stream"], lambda: theirs(32))
        self.keep_all(["server langgraph one job", "server langgraph one job stream"], lambda: theirs(1))

    def load(self) -> None:
        """The notebook's load, and ten times as many users, on a durable SQLite file; then one writer alone."""
        ours, theirs = self.file("load.db"), self.file("load-langgraph.db")
        for name, size in LOADS.items():
            long, short = ["--seconds", self.sizes.load_s], ["--seconds", self.sizes.rival_load_s]
            remove(ours)
            self.keep(f"{name} ours", lambda: self.ours("load", "--storage", f"sqlite:{ours}", *size, *long))
            self.keep(f"{name} langgraph", lambda: self.langgraph("load", "--storage", f"sqlite:{theirs}", *size, *short))
        one = ["--users", 200, "--turns", 10, "--workers", 1, "--seconds", self.sizes.rival_load_s]
        remove(ours)
        self.keep("one writer", lambda: self.ours("load", "--storage", f"sqlite:{ours}", *one))
        remove(ours)
        remove(theirs)

    def postgres(self) -> None:
        """The same on PostgreSQL: ours, the bare loop on the very rows that ours wrote, and PostgresSaver with a pool."""
        with database.private(self.work) as url:
            for name, size in LOADS.items():
                schema = name.replace(" ", "_")
                storage = f"{url}?schema={schema}&connections={size[-1]}"
                ours = ["load", "--storage", storage, *size, "--seconds", self.sizes.load_s]
                raw = [str(self.programs.raw_postgres), url, schema, f"{schema}_raw", str(size[-1])]
                theirs = ["load", "--storage", url, *size, "--seconds", self.sizes.rival_load_s]
                if self.keep(f"postgres {name} ours", lambda: self.ours(*ours)):
                    self.keep(f"postgres {name} raw", lambda: run(raw, self.environment))
                self.keep(f"postgres {name} langgraph", lambda: self.langgraph(*theirs))

    def streams(self) -> None:
        """Memory of streams on which nothing comes."""

        def idle() -> list[Line]:
            database = self.file("idle.db")
            with serving.everthread(self.programs.everthread, database, self.environment, "scripted:hang") as server:
                return [{"bench": "streams", **serving.idle_streams(server, self.sizes.streams)}]

        self.keep("streams ours", idle)


def measure(programs: Prepared, work: Path, sizes: Sizes, rows: list, arguments: argparse.Namespace) -> Measured:
    """Runs the workloads that the rows need, all of them in each round."""
    bench = Bench(programs, work, sizes, arguments.patience)
    workloads = list(dict.fromkeys(row.workload for row in rows))
    for bench.round in range(1, arguments.rounds + 1):
        for workload in workloads:
            getattr(bench, workload)()
    return bench.measured


def told(lines: list[Line]) -> str:
    """The one figure that a reader waits for."""
    line = lines[-1]
    shown = [f"{line[name]:,.1f} {name}" for name in ("turns_per_s", "load_ms", "ready_ms", "added_bytes") if name in line]
    return ", " + " ".join(shown) if shown else ""


def disk_bytes(path: Path) -> int:
    """What the closed database occupies, its log included."""
    main_and_log = beside(path)[:2]
    return sum(file.stat().st_size for file in main_and_log if file.exists())


def remove(path: Path) -> None:
    """Removes a database with what lies beside it."""
    for file in beside(path):
        file.unlink(missing_ok=True)


def beside(path: Path) -> list[Path]:
    """A database, its log, and what else may lie there."""
    return [Path(f"{path}{suffix}") for suffix in ("", "-wal", "-shm", "-journal")]
