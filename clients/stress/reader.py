"""Reads server-sent events as a client does that comes back after its connection broke."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass
class Reader:
    """One run's stream, as far as it was read."""

    thread_id: str
    question: str
    run_id: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    over: bool = False

    @property
    def last_id(self) -> str:
        return next((event["id"] for event in reversed(self.events) if "id" in event), "-1")

    @property
    def acknowledged(self) -> bool:
        """Whether the server said that it has the question."""
        return bool(self.run_id)

    def text(self) -> str:
        """The reply as far as it was streamed."""
        return "".join(
            event["data"][0]["content"] for event in self.events if event["event"] == "messages"
        )

    def shown(self) -> dict[str, str]:
        """The messages that were streamed, as clients put them together: pieces of one id are one message, and one that
        is removed is gone."""
        texts: dict[str, str] = {}
        for event in self.events:
            if event["event"] == "messages":
                piece = event["data"][0]
                if piece["type"] == "remove":
                    texts.pop(piece["id"], None)
                else:
                    texts[piece["id"]] = texts.get(piece["id"], "") + piece["content"]
        return texts

    async def begin(self, http: httpx.AsyncClient) -> None:
        """Starts the run and reads until the stream ends or breaks."""
        body = {
            "assistant_id": "chat",
            "input": {"messages": [{"role": "user", "content": self.question}]},
            "stream_mode": ["values", "messages-tuple"],
            "stream_resumable": True,
            "on_disconnect": "continue",
        }
        async with http.stream("POST", f"/threads/{self.thread_id}/runs/stream", json=body) as answer:
            answer.raise_for_status()
            self.run_id = answer.headers["content-location"].rsplit("/", 1)[1]
            await self._read(answer)

    async def go_on(self, http: httpx.AsyncClient) -> None:
        """Reads what was missed, and on to the end."""
        path = f"/threads/{self.thread_id}/runs/{self.run_id}/stream"
        async with http.stream("GET", path, headers={"Last-Event-ID": self.last_id}) as answer:
            answer.raise_for_status()
            await self._read(answer)

    async def _read(self, answer: httpx.Response) -> None:
        event: dict[str, Any] = {}
        async for line in answer.aiter_lines():
            name, _, text = line.partition(":")
            if not line and event:
                self.events.append(event)
                event = {}
            elif name == "data":
                event["data"] = json.loads(text)
            elif name in ("event", "id"):
                event[name] = text.strip()
        self.over = True
