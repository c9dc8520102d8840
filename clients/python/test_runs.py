"""Runs: waited for, in the background, listed, deleted, later."""

import time
import uuid

import pytest
from langgraph_sdk.errors import NotFoundError, UnprocessableEntityError
from talk import CHAT, SLOW_QUESTION, begun, said, texts, until


async def test_wait_returns_the_final_state(client):
    thread = await client.threads.create()
    values = await client.runs.wait(thread["thread_id"], CHAT, input=said("hello"))
    assert texts(values) == ["hello"]
    assert "hello" in texts(values, "ai")[0]
    values = await client.runs.wait(thread["thread_id"], CHAT, input=said("again"))
    assert texts(values) == ["hello", "again"]


async def test_a_run_in_the_background_is_joined(client):
    thread = await client.threads.create()
    run = await client.runs.create(
        thread["thread_id"], CHAT, input=said("hello"), metadata={"mine": 1}
    )
    assert run["status"] in ("pending", "running", "success")
    assert run["thread_id"] == thread["thread_id"]
    assert run["multitask_strategy"] == "enqueue"
    assert run["metadata"]["mine"] == 1
    values = await client.runs.join(thread["thread_id"], run["run_id"])
    assert texts(values) == ["hello"]
    ended = await client.runs.get(thread["thread_id"], run["run_id"])
    assert ended["status"] == "success"
    assert ended["kwargs"]["input"] == said("hello")
    assert await client.runs.join(thread["thread_id"], run["run_id"]) == values


async def test_runs_are_listed_newest_first(client):
    thread = await client.threads.create()
    made = []
    for text in ("one", "two", "three"):
        run = await client.runs.create(thread["thread_id"], CHAT, input=said(text))
        await client.runs.join(thread["thread_id"], run["run_id"])
        made.insert(0, run["run_id"])
    listed = await client.runs.list(thread["thread_id"])
    assert [run["run_id"] for run in listed] == made
    page = await client.runs.list(thread["thread_id"], limit=1, offset=1)
    assert [run["run_id"] for run in page] == made[1:2]
    assert await client.runs.list(thread["thread_id"], status="error") == []
    assert len(await client.runs.list(thread["thread_id"], status="success")) == 3


@pytest.mark.reference_deviates("takes back what the run wrote")
async def test_a_deleted_run_is_gone_but_not_what_was_said(client):
    thread = await client.threads.create()
    run = await client.runs.create(thread["thread_id"], CHAT, input=said("hello"))
    await client.runs.join(thread["thread_id"], run["run_id"])
    await client.runs.delete(thread["thread_id"], run["run_id"])
    with pytest.raises(NotFoundError):
        await client.runs.get(thread["thread_id"], run["run_id"])
    state = await client.threads.get_state(thread["thread_id"])
    assert texts(state["values"]) == ["hello"]


async def test_an_unknown_run_is_not_found(client):
    thread = await client.threads.create()
    with pytest.raises(NotFoundError):
        await client.runs.get(thread["thread_id"], str(uuid.uuid4()))


async def test_a_thread_is_busy_while_it_runs(slow):
    thread = await slow.threads.create()
    run = await slow.runs.create(thread["thread_id"], CHAT, input=said(SLOW_QUESTION))
    await begun(slow, thread["thread_id"], run["run_id"])
    assert (await slow.threads.get(thread["thread_id"]))["status"] == "busy"
    await slow.runs.join(thread["thread_id"], run["run_id"])
    assert (await slow.threads.get(thread["thread_id"]))["status"] == "idle"


async def test_a_run_may_begin_later(client):
    thread = await client.threads.create()
    begin = time.monotonic()
    run = await client.runs.create(
        thread["thread_id"], CHAT, input=said("later"), after_seconds=1
    )
    assert run["status"] == "pending"
    values = await client.runs.join(thread["thread_id"], run["run_id"])
    assert texts(values) == ["later"]
    assert time.monotonic() - begin >= 1


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
async def test_every_durability_keeps_what_was_said(client, durability):
    thread = await client.threads.create()
    await client.runs.wait(
        thread["thread_id"], CHAT, input=said("hello"), durability=durability
    )
    state = await client.threads.get_state(thread["thread_id"])
    assert texts(state["values"]) == ["hello"]
    history = await client.threads.get_history(thread["thread_id"])
    assert texts(history[0]["values"]) == ["hello"]


async def test_an_unknown_durability_is_refused(client):
    thread = await client.threads.create()
    with pytest.raises(UnprocessableEntityError):
        await client.runs.create(
            thread["thread_id"], CHAT, input=said("hello"), durability="bogus"
        )


async def test_stopping_before_a_node_and_going_on(client):
    thread = await client.threads.create()
    await client.runs.wait(
        thread["thread_id"], CHAT, input=said("hello"), interrupt_before=["chat"]
    )
    paused = await client.threads.get_state(thread["thread_id"])
    assert paused["next"] == ["chat"]
    assert (await client.threads.get(thread["thread_id"]))["status"] == "interrupted"
    values = await client.runs.wait(thread["thread_id"], CHAT, input=None)
    assert len(texts(values, "ai")) == 1
    assert (await client.threads.get(thread["thread_id"]))["status"] == "idle"


async def test_a_run_whose_reader_went_away_goes_on(slow):
    thread = await slow.threads.create()
    stream = slow.runs.stream(
        thread["thread_id"], CHAT, input=said(SLOW_QUESTION), on_disconnect="continue"
    )
    async for part in stream:
        run_id = part.data["run_id"]
        break
    await stream.aclose()
    values = await slow.runs.join(thread["thread_id"], run_id)
    assert len(texts(values, "ai")) == 1


async def test_a_run_whose_reader_went_away_stops_if_asked(slow):
    thread = await slow.threads.create()
    stream = slow.runs.stream(
        thread["thread_id"], CHAT, input=said(SLOW_QUESTION), on_disconnect="cancel"
    )
    async for part in stream:
        if part.event == "values":
            break
    await stream.aclose()

    async def stopped() -> bool:
        (run,) = await slow.runs.list(thread["thread_id"])
        return run["status"] == "interrupted"

    await until(stopped, "the run is cancelled")
