"""What the tests say to a server again and again."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

CHAT = "chat"
REVIEW = "review"
# The model scripted:slow says this back in about a hundred words, one each 20 ms.
SLOW_QUESTION = "a"
PATIENCE_SECONDS = 20


def said(text: str, **more: Any) -> dict[str, Any]:
    """An input in which a person says `text`."""
    return {"messages": [{"role": "user", "content": text, **more}]}


def texts(values: dict[str, Any], kind: str = "human") -> list[str]:
    """What people (or the model, with `ai`) said in a state."""
    return [message["content"] for message in values["messages"] if message["type"] == kind]


async def parts(stream) -> list[Any]:
    """All parts of a stream that ends."""
    return [part async for part in stream]


async def until(reached: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Asks again and again, and returns the first answer that is true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        answer = await reached()
        if answer:
            return answer
        await asyncio.sleep(0.02)
    raise AssertionError(f"not within {PATIENCE_SECONDS} s: {what}")


async def begun(client, thread_id: str, run_id: str) -> None:
    """Waits until a run is under way and what was said to it is in the thread's state."""

    async def is_running() -> bool:
        run = await client.runs.get(thread_id, run_id)
        state = await client.threads.get_state(thread_id)
        return run["status"] == "running" and bool(state["values"])

    await until(is_running, f"run {run_id} runs")


# What a person answers to a draft of the graph `review`.
APPROVED = True


def edited(text: str) -> dict[str, Any]:
    """The answer with which a person replaces a draft by a text of their own."""
    return {"action": "edit", "content": text}
