"""Follows a thread as a client does that comes back after its connection broke."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import connect

CHANNELS = ["values", "messages", "lifecycle"]


@dataclass
class Follower:
    """One run, and what was heard of it."""

    thread_id: str
    question: str
    websocket: bool
    run_id: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether the end of the run was heard."""
        return any(
            event["method"] == "lifecycle"
            and event["params"]["data"]["event"] == "completed"
            and self.run_id in event["event_id"]
            for event in self.events
        )

    async def begin(self, http: httpx.AsyncClient) -> None:
        """Starts the run and follows until the connection breaks."""
        turn = {"input": {"messages": [{"role": "user", "content": self.question}]}}
        params = {"assistant_id": "chat", **turn}
        answer = await http.post(
            f"/threads/{self.thread_id}/commands", json={"id": 1, "method": "run.start", "params": params}
        )
        begun = answer.json()
        assert begun["type"] == "success", begun
        self.run_id = begun["result"]["run_id"]
        await self.follow(http, begun["meta"]["applied_through_seq"])

    async def go_on(self, http: httpx.AsyncClient) -> None:
        """Follows after the last event that was heard, to the end of the run."""
        await self.follow(http, self.events[-1]["seq"])

    async def follow(self, http: httpx.AsyncClient, since: int) -> None:
        params = {"channels": CHANNELS, "since": since}
        path = f"/threads/{self.thread_id}/stream/events"
        if self.websocket:
            await self._listen(f"ws://{http.base_url.host}:{http.base_url.port}{path}", params)
            return
        async with http.stream("POST", path, json=params) as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    self.events.append(json.loads(line.removeprefix("data:")))
                if self.over:
                    return

    async def _listen(self, url: str, params: dict[str, Any]) -> None:
        async with connect(url) as socket:
            await socket.send(json.dumps({"id": 1, "method": "subscription.subscribe", "params": params}))
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "event":
                    self.events.append(message)
                if self.over:
                    return
