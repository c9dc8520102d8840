"""A mixed load: many people in many conversations at once, each doing what clients do, while others only read."""

import asyncio
import json
import random
import statistics
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from servers import REPOSITORY

USERS = 100
# A conversation of so many turns is deleted, and another one takes its place: the load at the end is that at the beginning.
TURNS = 8
# How long a worker rests between two requests, at most: the load is to be mixed, not to fill the machine.
REST_SECONDS = 0.06
# The errors that a client of such a load has to reckon with, by status and code; each has a page in docs/errors.
DOCUMENTED = {
    (404, "not_found"): "the run that is to be cancelled has ended",
    (409, "thread_busy"): "a state is not changed under a run",
    (503, "queue_full"): "the thread has no room for more runs that wait",
    (503, "too_many_runs"): "the server has no room for more runs",
}


@dataclass
class Tally:
    """What was seen."""

    took_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def report(self, seconds: float) -> dict[str, Any]:
        """The figures, in milliseconds."""
        every = [took for all_of_kind in self.took_ms.values() for took in all_of_kind]
        return {
            "requests": len(every),
            "requests_per_s": round(len(every) / seconds, 1),
            **quantiles(every),
            "p99_ms_by_kind": {kind: quantiles(took)["p99_ms"] for kind, took in sorted(self.took_ms.items())},
            "refused": dict(self.refused),
        }


def quantiles(took: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(took, n=100, method="inclusive") if len(took) > 1 else took * 99
    return {f"p{n}_ms": round(cuts[n - 1], 2) for n in (50, 95, 99)}


@dataclass
class Talk:
    """One conversation of one user, and the one after it."""

    user: str
    thread: str = ""
    turns: int = 0
    # While others ask, it is not replaced; while it is replaced, nobody asks.
    asked: int = 0
    is_leaving: bool = False
    watcher: "Watcher | None" = None

    async def begin(self, http: aiohttp.ClientSession) -> None:
        async with http.post("/threads", json={}, headers=self.headers) as made:
            made.raise_for_status()
            self.thread, self.turns = (await made.json())["thread_id"], 0

    @property
    def path(self) -> str:
        return f"/threads/{self.thread}"

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Everthread-User": self.user}


async def talks(http: aiohttp.ClientSession, count: int) -> list[Talk]:
    """So many new conversations, of a hundred users."""
    room = asyncio.Semaphore(16)

    async def make(number: int) -> Talk:
        talk = Talk(f"user_{number % USERS}")
        async with room:
            await talk.begin(http)
        return talk

    return await asyncio.gather(*[make(number) for number in range(count)])


class Watcher:
    """Follows conversations, one at a time, as a page that stays open does."""

    def __init__(self, http: aiohttp.ClientSession, talk: Talk) -> None:
        self.received_bytes = 0
        # Why it no longer follows.
        self.ended = ""
        self._http = http
        self._talk = talk
        self._reading: asyncio.Task | None = None
        talk.watcher = self

    async def open(self) -> None:
        """Begins to follow the conversation as it is now."""
        path = f"{self._talk.path}/stream"
        answer = await self._http.get(path, headers=self._talk.headers)
        answer.raise_for_status()
        self._reading = asyncio.create_task(self._read(answer))

    async def leave(self) -> None:
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self, answer: aiohttp.ClientResponse) -> None:
        async with answer:
            try:
                async for piece in answer.content.iter_any():
                    self.received_bytes += len(piece)
                self.ended = "the server ended it"
            except aiohttp.ClientError as error:
                self.ended = repr(error)


class Worker:
    """Does one thing after another in conversations that it picks."""

    def __init__(self, http: aiohttp.ClientSession, talks: list[Talk], tally: Tally, seed: int) -> None:
        self.http = http
        self.talks = talks
        self.tally = tally
        self.random = random.Random(seed)
        # What is done, and how often.
        self.kinds = {
            self.wait: 8,
            self.stream: 6,
            self.background: 3,
            self.cancel: 1,
            self.state: 4,
            self.history: 2,
            self.edit: 1,
            self.thread: 3,
            self.search: 2,
            self.item: 2,
        }

    async def work(self, until: float) -> None:
        kinds, weights = list(self.kinds), list(self.kinds.values())
        while time.monotonic() < until:
            kind = self.random.choices(kinds, weights)[0]
            talk = self.random.choice(self.talks)
            if talk.is_leaving:
                continue
            talk.asked += 1
            try:
                begun = time.monotonic()
                await kind(talk)
                self.tally.took_ms[kind.__name__].append((time.monotonic() - begun) * 1_000)
                if talk.turns >= TURNS and talk.asked == 1:
                    await self.replace(talk)
            except (aiohttp.ClientError, TimeoutError) as error:
                self.tally.wrong.append(f"{kind.__name__}: {error!r}")
            finally:
                talk.asked -= 1
            await asyncio.sleep(self.random.uniform(0, REST_SECONDS))

    async def ask(self, talk: Talk, method: str, path: str, body: Any = None) -> Any:
        """The answer; `None` when it is an error that is documented."""
        async with self.http.request(method, path, json=body, headers=talk.headers) as answer:
            text = await answer.text()
        if answer.ok:
            return json.loads(text) if text else {}
        self.note(f"{method} {path}", answer, text)
        return None

    def note(self, what: str, answer: aiohttp.ClientResponse, text: str) -> None:
        try:
            code = json.loads(text)["code"]
        except (ValueError, KeyError):
            code = ""
        has_page = (REPOSITORY / "docs" / "errors" / f"{code}.md").is_file()
        says_when = answer.status != 503 or "retry-after" in answer.headers
        if (answer.status, code) in DOCUMENTED and has_page and says_when:
            self.tally.refused[f"{answer.status} {code}"] += 1
        else:
            self.tally.wrong.append(f"{what}: {answer.status} {text[:200]}")

    async def replace(self, talk: Talk) -> None:
        """Deletes a conversation that has come to its end, and begins another one in its place."""
        talk.is_leaving = True
        try:
            if talk.watcher:
                await talk.watcher.leave()
            begun = time.monotonic()
            await self.ask(talk, "DELETE", talk.path)
            self.tally.took_ms["delete"].append((time.monotonic() - begun) * 1_000)
            await talk.begin(self.http)
            if talk.watcher:
                await talk.watcher.open()
        finally:
            talk.is_leaving = False

    def said(self, talk: Talk) -> dict[str, Any]:
        talk.turns += 1
        text = " ".join(self.random.choices(WORDS, k=20))
        return {"assistant_id": "chat", "input": {"messages": [{"role": "user", "content": text}]}}

    async def wait(self, talk: Talk) -> None:
        values = await self.ask(talk, "POST", f"{talk.path}/runs/wait", self.said(talk))
        if values is not None and not values.get("messages"):
            self.tally.wrong.append(f"wait: {str(values)[:200]}")

    async def stream(self, talk: Talk) -> None:
        body = {**self.said(talk), "stream_mode": ["messages-tuple", "updates"], "stream_resumable": True}
        path = f"{talk.path}/runs/stream"
        async with self.http.post(path, json=body, headers=talk.headers) as answer:
            text = await answer.text()
        if not answer.ok:
            return self.note("stream", answer, text)
        last = text.rsplit("event: ", 1)[-1]
        if not last.startswith("end") or '"success"' not in last:
            self.tally.wrong.append(f"stream: {last[:200]}")

    async def background(self, talk: Talk) -> None:
        run = await self.ask(talk, "POST", f"{talk.path}/runs", self.said(talk))
        if run:
            await self.ask(talk, "GET", f"{talk.path}/runs/{run['run_id']}/join")

    async def cancel(self, talk: Talk) -> None:
        run = await self.ask(talk, "POST", f"{talk.path}/runs", self.said(talk))
        if run:
            await self.ask(talk, "POST", f"{talk.path}/runs/{run['run_id']}/cancel?wait=true")

    async def state(self, talk: Talk) -> None:
        await self.ask(talk, "GET", f"{talk.path}/state")

    async def history(self, talk: Talk) -> None:
        await self.ask(talk, "POST", f"{talk.path}/history", {"limit": 5})

    async def edit(self, talk: Talk) -> None:
        state = await self.ask(talk, "GET", f"{talk.path}/state")
        if state and state["values"]:
            await self.ask(talk, "POST", f"{talk.path}/state", {"values": {"summary": "They talked."}})

    async def thread(self, talk: Talk) -> None:
        await self.ask(talk, "GET", talk.path)

    async def search(self, talk: Talk) -> None:
        await self.ask(talk, "POST", "/threads/search", {"limit": 10, "select": ["thread_id", "status"]})

    async def item(self, talk: Talk) -> None:
        key = str(self.random.randrange(20))
        body = {"namespace": ["notes"], "key": key, "value": {"text": self.random.choice(WORDS)}}
        await self.ask(talk, "PUT", "/store/items", body)
        await self.ask(talk, "POST", "/store/items/search", {"namespace_prefix": ["notes"], "limit": 5})


WORDS = [f"word{number}" for number in range(500)]


class Memory:
    """Samples of what a process holds in memory, in bytes."""

    def __init__(self, pid: int) -> None:
        self.samples: list[tuple[float, int]] = []
        self._pid = pid

    async def watch(self) -> None:
        begun = time.monotonic()
        while True:
            status = Path(f"/proc/{self._pid}/status").read_text()
            resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
            self.samples.append((time.monotonic() - begun, int(resident.split()[1]) * 1_024))
            await asyncio.sleep(0.5)

    def around(self, second: float, width: float) -> float:
        """The median of what was held from then on, for so many seconds."""
        return statistics.median(held for at, held in self.samples if second <= at <= second + width)


def as_line(report: dict[str, Any]) -> str:
    return json.dumps(report, separators=(", ", ": "))
