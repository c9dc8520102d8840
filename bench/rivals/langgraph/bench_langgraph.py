#!/usr/bin/env python3
"""LangGraph on the work that `everthread bench` does: turns, growth, resume and load.

Each figure is one JSON line on standard output, with the field names of `everthread bench --json`. The model is an
instant one with distinct texts of 200 characters, so only the framework and its persistence are measured. The
SQLite saver runs as it comes (WAL, default durability), with synchronous=FULL set by name; the PostgreSQL saver with a
pool of as many connections as there are workers.

    bench_langgraph.py turns  --storage none|memory|sqlite:PATH [--turns 1000] [--durability async|sync|exit]
    bench_langgraph.py growth --storage sqlite:PATH [--turns 1000]
    bench_langgraph.py resume --storage sqlite:PATH [--threads 10000] [--messages 2000]
    bench_langgraph.py load   --storage sqlite:PATH|postgres://… [--users 20] [--turns 3] [--workers 10] [--seconds 10]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import sqlite3
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

os.environ["LANGSMITH_TRACING"] = "false"

from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, SystemMessage  # noqa: E402
from langgraph.checkpoint.memory import InMemorySaver  # noqa: E402
from langgraph.checkpoint.sqlite import SqliteSaver  # noqa: E402
from langgraph.graph import END, START, MessagesState, StateGraph  # noqa: E402

TEXT_CHARACTERS = 200
WARM_UP_TURNS = 20
SUMMARISE_ABOVE = 6
KEEP = 2
MARKS = (10, 100, 200, 400, 800, 1000, 2000, 4000)
WINDOW_TURNS = 20


class ChatState(MessagesState):
    """The notebook's state."""

    summary: str
    user_id: str


def distinct_texts(count: int = 1009) -> list[str]:
    """Texts that do not repeat, so that nobody gains by storing one text once."""
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 10))) for _ in range(1500)]
    return [" ".join(draw.choices(words, k=TEXT_CHARACTERS // 2))[:TEXT_CHARACTERS] for _ in range(count)]


TEXTS = itertools.cycle(distinct_texts())


def instant_model(_context: list[Any]) -> AIMessage:
    """Answers at once."""
    return AIMessage(content=next(TEXTS))


def chat(state: ChatState) -> dict[str, Any]:
    """Answers the conversation, with the summary before it."""
    summary = state.get("summary")
    before = [SystemMessage(content=f"Summary of what was said: {summary}")] if summary else []
    return {"messages": [instant_model(before + state["messages"])]}


def summarize(state: ChatState) -> dict[str, Any]:
    """Makes or extends the summary and removes all but the last messages."""
    ask = HumanMessage(content=f"Extend this summary: {state.get('summary')}" if state.get("summary") else "Summarise.")
    summary = instant_model([*state["messages"], ask]).content
    return {"summary": summary, "messages": [RemoveMessage(id=m.id) for m in state["messages"][:-KEEP]]}


def notebook_graph(saver: Any) -> Any:
    """Chat; above six messages summarise and keep two."""
    builder = StateGraph(ChatState)
    builder.add_node("chat", chat)
    builder.add_node("summarize", summarize)
    builder.add_edge(START, "chat")
    builder.add_conditional_edges(
        "chat", lambda state: "summarize" if len(state["messages"]) > SUMMARISE_ABOVE else END, ["summarize", END]
    )
    builder.add_edge("summarize", END)
    return builder.compile(checkpointer=saver)


def growing_graph(saver: Any) -> Any:
    """Chat alone: the conversation only grows."""
    builder = StateGraph(ChatState)
    builder.add_node("chat", chat)
    builder.add_edge(START, "chat")
    builder.add_edge("chat", END)
    return builder.compile(checkpointer=saver)


def question() -> dict[str, Any]:
    """The input of one turn."""
    return {"messages": [HumanMessage(content=next(TEXTS))], "user_id": "user"}


def thread(name: str) -> dict[str, Any]:
    """The configuration that names a thread."""
    return {"configurable": {"thread_id": name}}


# ------------------------------------------------------------------------------------------------ storage


def sqlite_path(storage: str) -> Path | None:
    """The path in `sqlite:PATH`."""
    return Path(storage.removeprefix("sqlite:")) if storage.startswith("sqlite:") else None


def remove_database(path: Path) -> None:
    """Removes a database and what lies beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").unlink()


def open_saver(storage: str) -> Any:
    """The checkpointer of a storage; none for `none`."""
    if storage == "none":
        return None
    if storage == "memory":
        return InMemorySaver()
    saver = SqliteSaver(sqlite3.connect(sqlite_path(storage), check_same_thread=False))
    saver.setup()
    saver.conn.execute("PRAGMA synchronous=FULL")
    return saver


def file_bytes(path: Path) -> int:
    """Bytes on disk once the log is written back."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return sum(os.path.getsize(f) for f in (path, Path(f"{path}-wal")) if f.exists())


def live_bytes(path: Path) -> int:
    """Bytes of the pages in use."""
    connection = sqlite3.connect(path)
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    connection.close()
    return (pages - free) * size


# ------------------------------------------------------------------------------------------------ figures


def timed(work: Callable[[], Any]) -> float:
    """Seconds that the work took."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def percentile_ms(seconds: list[float], share: float) -> float:
    """A percentile in milliseconds."""
    ordered = sorted(seconds)
    return round(ordered[round((len(ordered) - 1) * share)] * 1e3, 4)


def latencies(seconds: list[float]) -> dict[str, float]:
    """The percentiles that every line has."""
    return {f"p{p}_ms": percentile_ms(seconds, p / 100) for p in (50, 95, 99)}


def rss_bytes() -> int:
    """Resident memory of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def report(bench: str, storage: str, **fields: Any) -> None:
    """Prints one line."""
    line = {"bench": bench, "storage": storage.split(":")[0], **fields, "rss_bytes": rss_bytes()}
    print(json.dumps(line), flush=True)


# ------------------------------------------------------------------------------------------------ the benches


def invoke_options(args: argparse.Namespace) -> dict[str, Any]:
    """What each turn passes beside its input; without a name the default durability holds."""
    return {"durability": args.durability} if args.durability and args.storage != "none" else {}


def turn_by_hand(graph: Any, state: dict[str, Any]) -> dict[str, Any]:
    """One turn without a saver: the caller carries the state from turn to turn."""
    asked = question()
    asked["messages"] = state.get("messages", []) + asked["messages"]
    if state.get("summary"):
        asked["summary"] = state["summary"]
    return graph.invoke(asked)


def run_turns(graph: Any, turns: int, args: argparse.Namespace) -> list[float]:
    """The seconds of each turn of one conversation."""
    if args.storage == "none":
        held: dict[str, Any] = {}

        def turn() -> None:
            held.update(turn_by_hand(graph, held))
    else:
        options = invoke_options(args)

        def turn() -> None:
            graph.invoke(question(), thread("one"), **options)

    return [timed(turn) for _ in range(turns)]


def warm_up(args: argparse.Namespace, build: Callable[[Any], Any]) -> None:
    """A few turns in a store of their own, so that no first call is measured and no byte of them counted."""
    path = sqlite_path(args.storage)
    storage = f"sqlite:{path}.warm" if path else args.storage
    saver = open_saver(storage)
    run_turns(build(saver), WARM_UP_TURNS, args)
    if path:
        saver.conn.close()
        remove_database(Path(f"{path}.warm"))


def bench_turns(args: argparse.Namespace) -> None:
    """One conversation on the notebook's graph."""
    path = sqlite_path(args.storage)
    warm_up(args, notebook_graph)
    if path:
        remove_database(path)
    saver = open_saver(args.storage)
    graph = notebook_graph(saver)
    start = time.perf_counter()
    seconds = run_turns(graph, args.turns, args)
    elapsed = time.perf_counter() - start
    sizes: dict[str, Any] = {}
    if path:
        sizes = {
            "file_bytes": file_bytes(path),
            "live_bytes": live_bytes(path),
            "synchronous": saver.conn.execute("PRAGMA synchronous").fetchone()[0],
            "sqlite_version": sqlite3.sqlite_version,
        }
        saver.conn.close()
    rate = round(args.turns / elapsed, 2)
    report("turns", args.storage, turns=args.turns, turns_per_s=rate, **latencies(seconds), errors=0, **sizes)


def bench_growth(args: argparse.Namespace) -> None:
    """One conversation that only grows; sizes and latencies at several lengths."""
    path = sqlite_path(args.storage)
    if not path:
        raise SystemExit("growth needs --storage sqlite:PATH")
    warm_up(args, growing_graph)
    remove_database(path)
    saver = open_saver(args.storage)
    report("growth", args.storage, messages=0, turns=0, file_bytes=file_bytes(path))
    graph = growing_graph(saver)
    seconds: list[float] = []
    for messages in (mark for mark in MARKS if mark <= 2 * args.turns):
        seconds += run_turns(graph, messages // 2 - len(seconds), args)
        recent = latencies(seconds[-WINDOW_TURNS:])
        report("growth", args.storage, messages=messages, turns=len(seconds), **recent, errors=0, file_bytes=file_bytes(path))
    saver.conn.close()


@contextmanager
def load_saver(args: argparse.Namespace) -> Iterator[Any]:
    """The saver that all workers share, new and empty."""
    path = sqlite_path(args.storage)
    if path:
        remove_database(path)
        saver = open_saver(args.storage)
        yield saver
        saver.conn.close()
        return
    from langgraph.checkpoint.postgres import PostgresSaver
    from psycopg.rows import dict_row
    from psycopg_pool import ConnectionPool

    options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    size = args.workers
    with ConnectionPool(args.storage, min_size=size, max_size=size, kwargs=options) as pool:
        pool.wait()
        with pool.connection() as connection:
            for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes", "checkpoint_migrations"):
                connection.execute(f"DROP TABLE IF EXISTS {table}")
        saver = PostgresSaver(pool)
        saver.setup()
        yield saver


def bench_load(args: argparse.Namespace) -> None:
    """Many users at once, each with a conversation of their own; repeated until the time is over."""
    seconds: list[float] = []
    errors: list[str] = []
    lock = threading.Lock()
    with load_saver(args) as saver:
        graph = notebook_graph(saver)

        def converse(user: int) -> None:
            config = thread(f"user_{user}-{uuid.uuid4()}")
            for _ in range(args.turns):
                try:
                    took = timed(lambda: graph.invoke(question(), config, **invoke_options(args)))
                except Exception as error:  # noqa: BLE001
                    with lock:
                        errors.append(type(error).__name__)
                else:
                    with lock:
                        seconds.append(took)

        converse(-1)
        seconds.clear()
        start = time.perf_counter()
        with ThreadPoolExecutor(args.workers) as workers:
            while True:
                list(workers.map(converse, range(args.users)))
                if time.perf_counter() - start >= args.seconds:
                    break
        elapsed = time.perf_counter() - start
    rate = round(len(seconds) / elapsed, 2)
    sizes = {"users": args.users, "workers": args.workers, "seconds": round(elapsed, 3)}
    report("load", args.storage, **sizes, turns=len(seconds), turns_per_s=rate, **latencies(seconds), errors=len(errors))


def prepare_resume(args: argparse.Namespace, path: Path) -> None:
    """Many threads of one turn and a long one, written once and kept."""
    making = Path(f"{path}.making")
    remove_database(making)
    saver = open_saver(f"sqlite:{making}")
    saver.conn.execute("PRAGMA synchronous=OFF")
    graph = growing_graph(saver)
    for number in range(args.threads):
        graph.invoke(question(), thread(f"thread-{number}"))
    batch = 100  # questions with one reply: a long thread turn by turn would take a gigabyte
    for _ in range(args.messages // batch):
        asked = [HumanMessage(content=next(TEXTS)) for _ in range(batch - 1)]
        graph.invoke({"messages": asked, "user_id": "user"}, thread("long"))
    file_bytes(making)
    saver.conn.close()
    making.rename(path)


def bench_resume(args: argparse.Namespace) -> None:
    """Opens the store and loads the head of the long thread. Imports are not counted."""
    path = sqlite_path(args.storage)
    if not path:
        raise SystemExit("resume needs --storage sqlite:PATH")
    if not path.exists():
        prepare_resume(args, path)
    opened: list[float] = []
    loaded: list[float] = []
    messages = 0
    for _ in range(args.repeats + 1):
        start = time.perf_counter()
        saver = open_saver(args.storage)
        graph = growing_graph(saver)
        ready = time.perf_counter()
        messages = len(graph.get_state(thread("long")).values["messages"])
        done = time.perf_counter()
        saver.conn.close()
        opened.append(ready - start)
        loaded.append(done - ready)
    report(
        "resume",
        args.storage,
        threads=args.threads,
        messages=messages,
        open_ms=round(statistics.median(opened[1:]) * 1e3, 4),
        load_ms=round(statistics.median(loaded[1:]) * 1e3, 4),
    )


def main() -> None:
    """Reads the command line and runs one bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", choices=["turns", "growth", "resume", "load"])
    parser.add_argument("--storage", required=True, help="none, memory, sqlite:PATH or postgres://…")
    parser.add_argument("--turns", type=int, help="of each conversation (default 1000, of load 3)")
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--workers", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10, help="load is repeated until so many have passed; 0 for once")
    parser.add_argument("--durability", choices=["async", "sync", "exit"])
    parser.add_argument("--threads", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=15, help="opens of which the median is taken")
    args = parser.parse_args()
    args.turns = args.turns or (3 if args.bench == "load" else 1000)
    benches = {"turns": bench_turns, "growth": bench_growth, "resume": bench_resume, "load": bench_load}
    benches[args.bench](args)


if __name__ == "__main__":
    main()
