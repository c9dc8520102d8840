"""Writes docs/COMPATIBILITY.md from the recorded exchanges and the list of differences.

    python clients/replay/compatibility.py
"""

import json
from collections import Counter
from pathlib import Path

from differences import differences
from fixture import exchanges

OPENAI = Path(__file__).with_name("OPENAI.md")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "COMPATIBILITY.md"
THREADS = Path(__file__).with_name("differences_threads.json")

BEGINNING = """\
# Compatibility with the LangGraph server

This page is generated from `clients/replay`; do not edit it.

Everthread serves both generations of the protocol of LangGraph's server: the one of threads, runs, assistants and the
store, and the thread protocol of newer clients (`client.threads.stream()`, `useStream` of `@langchain/react`).

For the first, real clients were recorded while they talked to LangGraph's own development server (langgraph-api 0.16.7,
in memory); `clients/run replay` asks an Everthread server with the same graphs the same questions and compares every
answer: the status, the headers that clients read, each field, the order of the events of a stream, and that an id is
the same wherever it was. What an answer has beyond the recorded one is no difference.
"""


def clients() -> str:
    count = Counter(exchange.client for exchange in exchanges())
    rows = [f"| {client} | {number} |" for client, number in sorted(count.items())]
    return "\n".join(["| client | exchanges |", "|---|---|", *rows])


def routes() -> str:
    count = Counter(exchange.route for exchange in exchanges())
    order = sorted(count, key=lambda route: tuple(reversed(route.split(" "))))
    rows = [f"| `{route}` | {count[route]} |" for route in order]
    return "\n".join(["| route | exchanges |", "|---|---|", *rows])


def left() -> str:
    if not differences():
        return "None."
    rows = [f"| {one.name} | {one.why} |" for one in differences()]
    return "\n".join(["| difference | reason |", "|---|---|", *rows])


TOLD = """\
The thread protocol is `/threads/{id}/commands` and `/threads/{id}/stream/events`, the latter as server-sent events or
as a WebSocket. `clients/run python javascript` tries the clients of both languages over both; nothing recorded is
replayed of them, nor of OpenAI's. Two habits of theirs are worth knowing. A page of `@langchain/react` keeps what it
heard of a reply that was stopped, below what is in the state, until it is loaded again. And the Python SDK gives a
message its words while the next message is waited for: hear one in a task of its own. A browser cannot show a key on a
WebSocket: there, pages use server-sent events, which is what the clients do unless told otherwise.
"""


def threads() -> str:
    rows = [f"| {one['name']} | {one['why']} |" for one in json.loads(THREADS.read_text())]
    return "\n".join(["| difference | reason |", "|---|---|", *rows])


def page() -> str:
    """The whole page."""
    parts = [
        BEGINNING,
        "## What is different\n",
        left() + "\n",
        "## What is different in the thread protocol\n",
        TOLD,
        threads() + "\n",
        "## Who was recorded\n",
        clients() + "\n",
        "## What was asked\n",
        routes() + "\n",
        OPENAI.read_text(),
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
