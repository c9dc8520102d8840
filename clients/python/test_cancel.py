"""Runs that are cancelled: kept as far as they came, or taken back."""

import pytest
from langgraph_sdk.errors import NotFoundError
from talk import CHAT, SLOW_QUESTION, begun, parts, said, texts, until


async def running(slow, text=SLOW_QUESTION):
    thread = await slow.threads.create()
    run = await slow.runs.create(thread["thread_id"], CHAT, input=said(text))
    await begun(slow, thread["thread_id"], run["run_id"])
    return thread["thread_id"], run["run_id"]


async def test_an_interrupted_run_leaves_what_was_said(slow):
    thread_id, run_id = await running(slow)
    await slow.runs.cancel(thread_id, run_id, wait=True)
    assert (await slow.runs.get(thread_id, run_id))["status"] == "interrupted"
    assert (await slow.threads.get(thread_id))["status"] == "interrupted"
    state = await slow.threads.get_state(thread_id)
    assert texts(state["values"]) == [SLOW_QUESTION]
    assert state["next"] == ["chat"]


async def test_a_run_that_is_rolled_back_leaves_nothing(slow):
    thread_id, run_id = await running(slow)
    await slow.runs.cancel(thread_id, run_id, wait=True, action="rollback")
    with pytest.raises(NotFoundError):
        await slow.runs.get(thread_id, run_id)
    assert (await slow.threads.get(thread_id))["status"] == "idle"
    state = await slow.threads.get_state(thread_id)
    assert not state["values"].get("messages")


async def test_a_rollback_keeps_earlier_turns(slow):
    thread = await slow.threads.create()
    thread_id = thread["thread_id"]
    before = await slow.runs.wait(thread_id, CHAT, input=said("a long enough word: " + "w" * 180))
    run = await slow.runs.create(thread_id, CHAT, input=said(SLOW_QUESTION))

    async def second_is_in() -> bool:
        state = await slow.threads.get_state(thread_id)
        return len(texts(state["values"])) == 2

    await until(second_is_in, "the second question is in the state")
    await slow.runs.cancel(thread_id, run["run_id"], wait=True, action="rollback")
    state = await slow.threads.get_state(thread_id)
    assert state["values"]["messages"] == before["messages"]


async def test_cancelling_without_waiting(slow):
    thread_id, run_id = await running(slow)
    await slow.runs.cancel(thread_id, run_id)

    async def stopped() -> bool:
        return (await slow.runs.get(thread_id, run_id))["status"] == "interrupted"

    await until(stopped, "the run is cancelled")


async def test_an_ended_run_cannot_be_cancelled(client):
    thread = await client.threads.create()
    run = await client.runs.create(thread["thread_id"], CHAT, input=said("hello"))
    await client.runs.join(thread["thread_id"], run["run_id"])
    with pytest.raises(NotFoundError):
        await client.runs.cancel(thread["thread_id"], run["run_id"])


async def test_the_stream_of_a_cancelled_run_ends(slow):
    thread_id, run_id = await running(slow)
    stream = slow.runs.join_stream(thread_id, run_id)
    await slow.runs.cancel(thread_id, run_id)
    await parts(stream)
    assert (await slow.runs.get(thread_id, run_id))["status"] == "interrupted"


async def test_many_runs_are_cancelled_at_once(slow):
    thread_id, run_id = await running(slow)
    waiting = await slow.runs.create(thread_id, CHAT, input=said("queued"))
    ids = [run_id, waiting["run_id"]]
    await slow.runs.cancel_many(thread_id=thread_id, run_ids=ids)

    async def all_stopped() -> bool:
        runs = await slow.runs.list(thread_id)
        return {run["status"] for run in runs} == {"interrupted"}

    await until(all_stopped, "both runs are cancelled")


async def test_a_cancelled_thread_goes_on_with_the_next_input(slow):
    thread_id, run_id = await running(slow)
    await slow.runs.cancel(thread_id, run_id, wait=True)
    values = await slow.runs.wait(thread_id, CHAT, input=said("w" * 190))
    assert texts(values) == [SLOW_QUESTION, "w" * 190]
    assert len(texts(values, "ai")) == 1
    assert (await slow.threads.get(thread_id))["status"] == "idle"
