"""A server that is killed while it answers OpenAI's clients keeps what it acknowledged, once, and goes on with it."""

import asyncio
import json
import time

import httpx
from servers import Server, command
from test_kill import SECONDS, connected, free_port

EACH = 10


async def read(http: httpx.AsyncClient, path: str, body: dict, events: list[dict]) -> None:
    """Reads a stream until it ends or breaks."""
    try:
        async with http.stream("POST", path, json={**body, "stream": True}) as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    events.append(json.loads(line.removeprefix("data: ")))
    except httpx.HTTPError:
        pass


async def until(reached, what: str):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        answer = await reached()
        if answer:
            return answer
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {SECONDS} s: {what}")


async def said(http: httpx.AsyncClient, conversation: str) -> list[str]:
    """What was said by whom, when nothing goes on any more."""

    async def at_rest():
        thread = (await http.get(f"/threads/{conversation}")).json()
        return thread["status"] != "busy"

    await until(at_rest, f"{conversation} comes to rest")
    items = (await http.get(f"/v1/conversations/{conversation}/items?order=asc")).json()["data"]
    return [(item["role"], item["content"][0]["text"]) for item in items]


async def test_kill_in_the_middle_of_completions_and_responses(tmp_path):
    start = command(tmp_path / "memory.db", "scripted:slow", f"127.0.0.1:{free_port()}")
    server = Server(start, tmp_path / "first.txt")
    completions = [[] for _ in range(EACH)]
    responses = [[] for _ in range(EACH)]
    async with connected(server.url) as http:
        reading = []
        for number in range(EACH):
            asked = {"messages": [{"role": "user", "content": "a"}], "user": f"talk-{number}"}
            reading.append(read(http, "/v1/chat/completions", asked, completions[number]))
            asked = {"input": "a", "background": number % 2 == 0}
            reading.append(read(http, "/v1/responses", asked, responses[number]))
        tasks = [asyncio.create_task(one) for one in reading]

        async def all_begun():
            return all(len(events) >= 5 for events in completions + responses)

        await until(all_begun, "every stream begins")
        server.kill()
        await asyncio.gather(*tasks)

    again = Server(start, tmp_path / "second.txt")
    try:
        async with connected(again.url) as http:
            for number in range(EACH):
                turns = await said(http, f"talk-{number}")
                assert [role for role, _ in turns] == ["user", "assistant"], turns
            for number, events in enumerate(responses):
                await is_whole(http, events, background=number % 2 == 0)
            asked = {"messages": [{"role": "user", "content": "b"}], "user": "talk-0"}
            (await http.post("/v1/chat/completions", json=asked)).raise_for_status()
    finally:
        again.stop()


async def is_whole(http: httpx.AsyncClient, events: list[dict], background: bool) -> None:
    path = f"/v1/responses/{events[0]['response']['id']}"

    async def completed():
        response = (await http.get(path)).json()
        return response if response["status"] == "completed" else None

    response = await until(completed, f"{path} is completed")
    assert len(response["output"]) == 1
    given = (await http.get(f"{path}/input_items")).json()["data"]
    assert [item["content"][0]["text"] for item in given] == ["a"]
    told = await http.get(f"{path}?stream=true")
    again = [json.loads(line[6:]) for line in told.text.splitlines() if line.startswith("data: {")]
    numbers = [event["sequence_number"] for event in again]
    assert numbers == sorted(set(numbers))
    assert again[-1]["type"] == "response.completed"
    if background:
        seen = [event for event in again if event["sequence_number"] <= events[-1]["sequence_number"]]
        assert seen == events[: len(seen)], "what was told stays told, and no number stands for another event"
