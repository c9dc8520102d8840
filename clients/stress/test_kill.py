"""A server that is killed in the middle of fifty streams loses nothing that it acknowledged, and doubles nothing."""

import asyncio
import socket
import time

import httpx
from reader import Reader
from servers import Server, command

STREAMS = 50
SECONDS = 60
ENDED = {"success", "error", "interrupted", "timeout"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connected(url: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=STREAMS * 2)
    return httpx.AsyncClient(base_url=url, timeout=SECONDS, limits=limits)


async def thread(http: httpx.AsyncClient) -> str:
    """A thread that has one turn behind it."""
    made = (await http.post("/threads", json={})).json()["thread_id"]
    body = {
        "assistant_id": "chat",
        "input": {"messages": [{"role": "user", "content": "w" * 190}]},
    }
    (await http.post(f"/threads/{made}/runs/wait", json=body)).raise_for_status()
    return made


async def break_off(server: Server, readers: list[Reader]) -> None:
    """Begins all streams, and kills the server while each of them is being read."""
    async with connected(server.url) as http:

        async def read(reader: Reader) -> None:
            try:
                await reader.begin(http)
            except httpx.HTTPError:
                pass

        reading = [asyncio.create_task(read(reader)) for reader in readers]
        end = time.monotonic() + SECONDS
        while not all(len(reader.events) >= 5 for reader in readers):
            assert time.monotonic() < end, "not every stream began"
            await asyncio.sleep(0.01)
        server.kill()
        await asyncio.gather(*reading)


async def at_rest(http: httpx.AsyncClient, reader: Reader) -> str:
    """Waits until the run has ended. Returns how."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        run = await http.get(f"/threads/{reader.thread_id}/runs/{reader.run_id}")
        if run.status_code == 200 and run.json()["status"] in ENDED:
            return run.json()["status"]
        await asyncio.sleep(0.05)
    raise AssertionError(f"run {reader.run_id} is shown as running for ever: {run.text}")


async def settled(http: httpx.AsyncClient, reader: Reader) -> None:
    await asyncio.wait_for(reader.go_on(http), SECONDS)
    assert reader.over
    status = await at_rest(http, reader)

    ids = [event["id"] for event in reader.events if "id" in event]
    assert len(ids) == len(set(ids)), f"events came twice: {ids}"

    state = (await http.get(f"/threads/{reader.thread_id}/state")).json()
    said = [message["content"] for message in state["values"]["messages"] if message["type"] == "human"]
    assert said == ["w" * 190, reader.question], "what was acknowledged is kept, once"
    message_ids = [message["id"] for message in state["values"]["messages"]]
    assert len(message_ids) == len(set(message_ids))

    runs = (await http.get(f"/threads/{reader.thread_id}/runs")).json()
    assert [run["run_id"] for run in runs].count(reader.run_id) == 1
    assert len(runs) == 2
    if status == "success":
        replies = [message for message in state["values"]["messages"] if message["type"] == "ai"]
        assert len(replies) == 2
        values = [event["data"] for event in reader.events if event["event"] == "values"]
        assert values[-1]["messages"][-1] == replies[-1], "the client saw the end"
        whole = {replies[-1]["id"]: replies[-1]["content"]}
        assert reader.shown() == whole, "who puts the pieces together sees one whole reply"


async def test_kill_in_the_middle_of_fifty_streams(tmp_path):
    storage, listen = tmp_path / "memory.db", f"127.0.0.1:{free_port()}"
    start = command(storage, "scripted:slow", listen)
    server = Server(start, tmp_path / "first.txt")
    async with connected(server.url) as http:
        threads = await asyncio.gather(*[thread(http) for _ in range(STREAMS)])
    readers = [Reader(thread_id, "a") for thread_id in threads]
    await break_off(server, readers)
    assert all(reader.acknowledged and not reader.over for reader in readers)

    again = Server(start, tmp_path / "second.txt")
    try:
        async with connected(again.url) as http:
            await asyncio.gather(*[settled(http, reader) for reader in readers])
            values = await http.post(
                f"/threads/{readers[0].thread_id}/runs/wait",
                json={
                    "assistant_id": "chat",
                    "input": {"messages": [{"role": "user", "content": "w" * 190}]},
                },
            )
            assert "messages" in values.json(), "the thread goes on"
    finally:
        again.stop()


async def test_a_shutdown_finishes_or_suspends_every_run(tmp_path):
    start = command(tmp_path / "memory.db", "scripted:slow")
    server = Server(start, tmp_path / "first.txt")
    async with connected(server.url) as http:
        threads = await asyncio.gather(*[thread(http) for _ in range(10)])
    readers = [Reader(thread_id, "a") for thread_id in threads]
    async with connected(server.url) as http:
        reading = [asyncio.create_task(reader.begin(http)) for reader in readers]
        end = time.monotonic() + SECONDS
        while not all(len(reader.events) >= 3 for reader in readers):
            assert time.monotonic() < end, "not every stream began"
            await asyncio.sleep(0.01)
        await asyncio.to_thread(server.stop)
        await asyncio.gather(*reading, return_exceptions=True)

    again = Server(start, tmp_path / "second.txt")
    try:
        async with connected(again.url) as http:
            await asyncio.gather(*[settled(http, reader) for reader in readers])
    finally:
        again.stop()
