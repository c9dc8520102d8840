"""The rows of the table: what is compared, with which target."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from .programs import Line
from .workloads import Measured

Round = dict[str, list[Line]]


@dataclass(frozen=True)
class Sample:
    """One round's figure of ours, what stands against it, and what the target is about."""

    ours: float
    other: float | None
    judged: float


@dataclass(frozen=True)
class Result:
    """A row, measured."""

    row: Row
    samples: list[Sample]
    missing: str | None

    @property
    def ours(self) -> float:
        return statistics.median(sample.ours for sample in self.samples)

    @property
    def other(self) -> float | None:
        others = [sample.other for sample in self.samples if sample.other is not None]
        return statistics.median(others) if others else None

    @property
    def judged(self) -> float:
        return statistics.median(sample.judged for sample in self.samples)

    @property
    def verdict(self) -> str:
        """`met`, `missed`, or `not measured`."""
        if not self.samples:
            return "not measured"
        good = self.judged >= self.row.limit if self.row.at_least else self.judged <= self.row.limit
        return "met" if good else "missed"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    workload: str
    measure: str
    against: str
    unit: str
    target: str
    limit: float
    at_least: bool
    sample: Callable[[Round], Sample]
    is_ratio: bool = True

    def judge(self, measured: Measured) -> Result:
        """The row over all rounds; a round in which a run failed does not count."""
        samples, missing = [], None
        for number in sorted({number for runs in measured.runs.values() for number in runs}):
            found = {name: runs[number] for name, runs in measured.runs.items() if number in runs}
            try:
                samples.append(self.sample(found))
            except KeyError as error:
                missing = f"round {number} has no {error.args[0]!r}"
        return Result(self, samples, missing if samples else missing or "nothing ran")


def against(run: str, other: str, field: str) -> Callable[[Round], Sample]:
    """The ratio of one field of two runs."""

    def sample(found: Round) -> Sample:
        ours, theirs = found[run][-1][field], found[other][-1][field]
        return Sample(ours, theirs, ours / theirs)

    return sample


def per_turn(found: Round) -> Sample:
    """Bytes on disk a turn."""
    ours, theirs = (line["disk_bytes"] / line["turns"] for line in (found["durable ours"][-1], found["durable langgraph"][-1]))
    return Sample(ours, theirs, ours / theirs)


def at(lines: list[Line], messages: int) -> Line:
    """The line of a growing conversation at a length."""
    by_length = {line["messages"]: line for line in lines}
    try:
        return by_length[messages]
    except KeyError:
        raise KeyError(f"growth line at {messages} messages") from None


def optional(found: Round, run: str, value: Callable[[list[Line]], float]) -> float | None:
    """A rival's figure that is only shown."""
    try:
        return value(found[run])
    except KeyError:
        return None


def growth_file(found: Round) -> Sample:
    """Megabytes after 400 turns."""
    ours = at(found["growth ours"], 800)["file_bytes"] / 1e6
    return Sample(ours, optional(found, "growth langgraph", lambda lines: at(lines, 800)["file_bytes"] / 1e6), ours)


def growth_per_turn(found: Round) -> Sample:
    """The whole file by its turns: at 2,000 against 100."""
    long, short = (at(found["growth ours"], messages)["file_bytes"] / (messages / 2) for messages in (4000, 200))
    return Sample(long, short, long / short)


def growth_added(found: Round) -> Sample:
    """What a turn adds, late against early, so that a fixed share of the file cannot hide growth."""

    def added(first: int, last: int) -> float:
        lines = found["growth ours"]
        return (at(lines, last)["file_bytes"] - at(lines, first)["file_bytes"]) / ((last - first) / 2)

    late, early = added(2000, 4000), added(200, 800)
    return Sample(late, early, late / early)


def latency(found: Round) -> Sample:
    """A turn at 2,000 messages against one at 10."""
    long, short = (at(found["growth ours"], messages)["p50_ms"] for messages in (2000, 10))
    return Sample(long, short, long / short)


def resume(found: Round) -> Sample:
    """Open and load."""
    ours, theirs = (found[run][-1]["open_ms"] + found[run][-1]["load_ms"] for run in ("resume ours", "resume langgraph"))
    return Sample(ours, theirs, ours / theirs)


def start(field: str, scale: float) -> Callable[[Round], Sample]:
    """A figure of the start."""

    def sample(found: Round) -> Sample:
        ours = found["start ours"][-1][field] / scale
        return Sample(ours, None, ours)

    return sample


def first_token(found: Round) -> Sample:
    """Time to the first streamed token."""
    ours = found["server stream"][-1]["first_token_p50_ms"]
    return Sample(ours, optional(found, "server langgraph stream", lambda lines: lines[-1]["first_token_p50_ms"]), ours)


def streams(found: Round) -> Sample:
    """Megabytes that a thousand idle streams add."""
    line = found["streams ours"][-1]
    added = line["added_bytes"] / line["streams"] * 1000 / 1e6
    return Sample(added, None, added)


def slowest(run: str) -> Callable[[Round], Sample]:
    """The time that 99 of 100 turns stay below."""

    def sample(found: Round) -> Sample:
        ours = found[run][-1]["p99_ms"]
        return Sample(ours, None, ours)

    return sample


NOTEBOOK, MANY = "20 users × 3 turns, 10 at once", "200 users × 10 turns, 32 at once"
POOLED, RAW_POSTGRES = "LangGraph, PostgresSaver with a pool", "bare tokio-postgres loop, same rows"
DEV = "`langgraph dev`, in memory, a job for each client"
DEV_ONE = "`langgraph dev`, in memory, one job at a time (its default)"
LANGGRAPH, SAVER, RAW = "LangGraph, no checkpointer", "LangGraph, SqliteSaver", "bare rusqlite loop, same rows"

ROWS = [
    Row("engine", "engine", "engine alone, no store", LANGGRAPH, "turns/s", "≥ 50 ×", 50, True,
        against("engine ours", "engine langgraph", "turns_per_s")),
    Row("durable-raw", "durable", "durable turns", RAW, "turns/s", "≥ 0.7 ×", 0.7, True,
        against("durable ours", "durable raw", "turns_per_s")),
    Row("durable-langgraph", "durable", "durable turns", SAVER, "turns/s", "≥ 8 ×, aim 15 ×", 8, True,
        against("durable ours", "durable langgraph", "turns_per_s")),
    Row("bytes", "durable", "bytes on disk a turn", SAVER, "bytes", "≤ 1/6", 1 / 6, False, per_turn),
    Row("growth-file", "growth", "file after 400 growing turns", SAVER, "MB", "≤ 0.8 MB", 0.8, False,
        growth_file, is_ratio=False),
    Row("growth-turn", "growth", "file by turns at 2,000 turns", "ours at 100 turns", "bytes", "≤ 1.15 ×", 1.15, False,
        growth_per_turn),
    Row("growth-added", "growth", "bytes added a turn, turns 1,000 to 2,000", "ours, turns 100 to 400", "bytes", "≤ 1.15 ×",
        1.15, False, growth_added),
    Row("latency", "growth", "turn at 2,000 messages, p50", "ours at 10 messages", "ms", "≤ 1.5 ×", 1.5, False, latency),
    Row("resume", "resume", "open 10,000 threads, load 2,000 messages", SAVER, "ms", "≤ 1/3", 1 / 3, False, resume),
    Row("start", "start", "start to first prompt", "", "ms", "≤ 50 ms", 50, False, start("ready_ms", 1), is_ratio=False),
    Row("memory", "start", "resident memory at the prompt", "", "MB", "≤ 30 MB", 30, False, start("rss_bytes", 1e6),
        is_ratio=False),
    Row("server-langgraph", "server", "`runs/wait`, 32 clients, durable", DEV, "turns/s", "≥ 50 ×", 50, True,
        against("server ours", "server langgraph", "turns_per_s")),
    Row("server-langgraph-one", "server", "`runs/wait`, 32 clients, durable", DEV_ONE, "turns/s", "no target", 0, True,
        against("server ours", "server langgraph one job", "turns_per_s")),
    Row("server-inside", "server", "`runs/wait`, 32 clients, durable", "ours in process", "turns/s", "≥ 0.4 ×", 0.4, True,
        against("server ours", "server inside", "turns_per_s")),
    Row("first-token", "server", "request to first streamed token, p50", DEV, "ms", "≤ 3 ms", 3, False, first_token,
        is_ratio=False),
    Row("load-notebook", "load", f"{NOTEBOOK}, durable", SAVER, "turns/s", "≥ 25 ×, aim 40 ×", 25, True,
        against("notebook ours", "notebook langgraph", "turns_per_s")),
    Row("load-many", "load", f"{MANY}, durable", SAVER, "turns/s", "≥ 25 ×, aim 40 ×", 25, True,
        against("many ours", "many langgraph", "turns_per_s")),
    Row("load-p99", "load", f"{MANY}, durable, p99", "", "ms", "≤ 50 ms", 50, False, slowest("many ours"), is_ratio=False),
    Row("load-grouped", "load", "32 writers", "ours, 1 writer", "turns/s", "≥ 3 ×", 3, True,
        against("many ours", "one writer", "turns_per_s")),
    Row("postgres-notebook", "postgres", f"{NOTEBOOK}, PostgreSQL", POOLED, "turns/s", "≥ 10 ×", 10, True,
        against("postgres notebook ours", "postgres notebook langgraph", "turns_per_s")),
    Row("postgres-notebook-raw", "postgres", f"{NOTEBOOK}, PostgreSQL", RAW_POSTGRES, "turns/s", "≥ 0.5 ×", 0.5, True,
        against("postgres notebook ours", "postgres notebook raw", "turns_per_s")),
    Row("postgres-many", "postgres", f"{MANY}, PostgreSQL", POOLED, "turns/s", "≥ 10 ×", 10, True,
        against("postgres many ours", "postgres many langgraph", "turns_per_s")),
    Row("postgres-many-raw", "postgres", f"{MANY}, PostgreSQL", RAW_POSTGRES, "turns/s", "≥ 0.5 ×", 0.5, True,
        against("postgres many ours", "postgres many raw", "turns_per_s")),
    Row("streams", "streams", "memory that 1,000 idle streams add", "", "MB", "≤ 50 MB", 50, False, streams, is_ratio=False),
]
