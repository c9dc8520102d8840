"""Plays a recorded case against a server."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
from fixture import Exchange
from matching import Comparison, Ids, Mismatch, Unbound

HEADERS = ("location", "content-location", "x-pagination-total", "x-pagination-next")
PATIENCE_SECONDS = 30


class Player:
    """One case, exchange by exchange, with ids of its own."""

    def __init__(self, url: str, is_meant: Callable[[Mismatch], bool]) -> None:
        """`is_meant` says whether a mismatch is to be there: what is asked for again may have such ones."""
        self._is_meant = is_meant
        self.http = httpx.Client(base_url=url, timeout=PATIENCE_SECONDS)
        self.ids = Ids()
        self.mismatches: list[Mismatch] = []
        self._open: list[threading.Thread] = []

    def play(self, exchanges: list[Exchange]) -> list[Mismatch]:
        """Plays all of them and returns what was not as recorded."""
        for exchange in exchanges:
            try:
                self._one(exchange)
            except Unbound as missing:
                self._fail(exchange, "request", f"an id that no answer gave: {missing}")
                break
            except httpx.HTTPError as error:
                self._fail(exchange, "connection", repr(error))
        for thread in self._open:
            thread.join(PATIENCE_SECONDS)
        self.http.close()
        return self.mismatches

    def _fail(self, exchange: Exchange, where: str, what: str) -> None:
        comparison = Comparison(exchange, self.ids)
        comparison.differs(where, "differs", "an answer", what)
        self.mismatches += comparison.found

    def _one(self, exchange: Exchange) -> None:
        if exchange.meanwhile:
            self._in_background(exchange)
        elif exchange.eventually:
            self._again_and_again(exchange)
        else:
            self.mismatches += self._ask(exchange)
        if exchange.then_running:
            self._until_running(*self.ids.fill(exchange.then_running))

    def _in_background(self, exchange: Exchange) -> None:
        began = threading.Event()

        def read() -> None:
            try:
                self.mismatches += self._ask(exchange, began)
            except httpx.HTTPError as error:
                self._fail(exchange, "connection", repr(error))
            finally:
                began.set()

        thread = threading.Thread(target=read, daemon=True)
        self._open.append(thread)
        thread.start()
        began.wait(PATIENCE_SECONDS)

    def _again_and_again(self, exchange: Exchange) -> None:
        end = time.monotonic() + PATIENCE_SECONDS / 3
        found = self._ask(exchange)
        while not all(map(self._is_meant, found)) and time.monotonic() < end:
            time.sleep(0.05)
            found = self._ask(exchange)
        self.mismatches += found

    def _until_running(self, path: str, run: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            answer = self.http.get(f"{path}/{run}")
            if answer.status_code != 200 or answer.json()["status"] != "pending":
                return
            time.sleep(0.02)
        raise AssertionError(f"run {run} did not begin within {PATIENCE_SECONDS} s")

    def _ask(self, exchange: Exchange, began: threading.Event | None = None) -> list[Mismatch]:
        comparison = Comparison(exchange, self.ids)
        request, wanted = exchange.request, exchange.response
        with self.http.stream(
            request["method"],
            self.ids.fill(request["path"]),
            headers={"content-type": "application/json", **self.ids.fill(request.get("headers", {}))},
            content=self._content(request),
        ) as answer:
            if answer.status_code != wanted["status"]:
                answer.read()
                comparison.differs("status", "differs", wanted["status"], f"{answer.status_code} {answer.text}")
                return comparison.found
            self._headers(comparison, wanted.get("headers", {}), answer)
            if began and request["method"] == "GET":
                began.set()
            if "events" in wanted:
                expected = wanted["events"]
                events, heartbeats = self._events(answer, len(expected), wanted, began)
                comparison.events(expected, events)
                if wanted.get("heartbeats") and not heartbeats:
                    comparison.differs("heartbeats", "missing", "heartbeats", None)
            elif "body" in wanted:
                answer.read()
                comparison.value("body", wanted["body"], as_json(answer.text))
        return comparison.found

    def _content(self, request: dict[str, Any]) -> str | None:
        body = request.get("body")
        if body is None:
            return None
        return body if isinstance(body, str) else json.dumps(self.ids.fill(body))

    def _headers(self, comparison: Comparison, wanted: dict[str, str], answer: httpx.Response) -> None:
        for name, value in wanted.items():
            given = answer.headers.get(name)
            if given is None:
                comparison.differs(f"headers.{name}", "missing", value, None)
            else:
                comparison.value(f"headers.{name}", value, given.split(";")[0])

    def _events(self, answer, count: int, wanted: dict, began) -> tuple[list[dict], int]:
        """The events up to the end, or as many as the recorded client read before it left."""
        events: list[dict] = []
        heartbeats = 0
        event: dict[str, Any] = {}
        leaves = wanted.get("left_after")
        end = time.monotonic() + PATIENCE_SECONDS
        for line in answer.iter_lines():
            if time.monotonic() > end:
                break
            name, _, text = line.partition(":")
            if not line and event:
                events.append(event)
                event = {}
                if began and len(events) >= min(2, count):
                    began.set()
                if leaves is not None and len(events) >= leaves:
                    break
            elif not name:
                heartbeats += 1
            elif name == "data":
                event["data"] = as_json(text.strip())
            elif name in ("event", "id"):
                event[name] = text.strip()
        return events, heartbeats


def as_json(text: str) -> Any:
    try:
        return json.loads(text) if text.strip() else None
    except json.JSONDecodeError:
        return text
