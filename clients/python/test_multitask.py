"""What happens to a second run on a thread that is busy."""

import pytest
from langgraph_sdk.errors import ConflictError, NotFoundError
from talk import CHAT, SLOW_QUESTION, begun, said, texts

SECOND = "w" * 190


async def two(slow, strategy):
    """A thread with a run under way, and a second run with this strategy. Returns the ids."""
    thread = await slow.threads.create()
    first = await slow.runs.create(thread["thread_id"], CHAT, input=said(SLOW_QUESTION))
    await begun(slow, thread["thread_id"], first["run_id"])
    more = {"multitask_strategy": strategy} if strategy else {}
    second = await slow.runs.create(thread["thread_id"], CHAT, input=said(SECOND), **more)
    return thread["thread_id"], first["run_id"], second["run_id"]


async def test_reject(slow):
    thread = await slow.threads.create()
    first = await slow.runs.create(thread["thread_id"], CHAT, input=said(SLOW_QUESTION))
    with pytest.raises(ConflictError):
        await slow.runs.create(
            thread["thread_id"], CHAT, input=said(SECOND), multitask_strategy="reject"
        )
    values = await slow.runs.join(thread["thread_id"], first["run_id"])
    assert texts(values) == [SLOW_QUESTION]
    assert len(await slow.runs.list(thread["thread_id"])) == 1


@pytest.mark.parametrize("strategy", [None, "enqueue"])
async def test_enqueue_is_the_default(slow, strategy):
    thread_id, first, second = await two(slow, strategy)
    values = await slow.runs.join(thread_id, second)
    assert texts(values) == [SLOW_QUESTION, SECOND]
    assert len(texts(values, "ai")) == 2
    for run_id in (first, second):
        assert (await slow.runs.get(thread_id, run_id))["status"] == "success"


async def test_a_queue_keeps_its_order(slow):
    thread_id, _, second = await two(slow, "enqueue")
    later = [f"{n} " + "w" * 190 for n in range(3)]
    runs = [await slow.runs.create(thread_id, CHAT, input=said(text)) for text in later]
    values = await slow.runs.join(thread_id, runs[-1]["run_id"])
    assert texts(values) == [SLOW_QUESTION, SECOND, *later]


async def test_interrupt(slow):
    thread_id, first, second = await two(slow, "interrupt")
    values = await slow.runs.join(thread_id, second)
    assert texts(values) == [SLOW_QUESTION, SECOND]
    assert len(texts(values, "ai")) == 1
    assert (await slow.runs.get(thread_id, first))["status"] == "interrupted"
    assert (await slow.runs.get(thread_id, second))["status"] == "success"


async def test_rollback(slow):
    thread_id, first, second = await two(slow, "rollback")
    values = await slow.runs.join(thread_id, second)
    assert texts(values) == [SECOND]
    assert [run["run_id"] for run in await slow.runs.list(thread_id)] == [second]
    with pytest.raises(NotFoundError):
        await slow.runs.get(thread_id, first)


async def test_a_state_cannot_be_changed_under_a_run(slow):
    thread = await slow.threads.create()
    run = await slow.runs.create(thread["thread_id"], CHAT, input=said(SLOW_QUESTION))
    await begun(slow, thread["thread_id"], run["run_id"])
    with pytest.raises(ConflictError):
        await slow.threads.update_state(thread["thread_id"], said("no"))
    values = await slow.runs.join(thread["thread_id"], run["run_id"])
    assert texts(values) == [SLOW_QUESTION]


async def test_a_busy_thread_may_be_deleted(slow):
    thread = await slow.threads.create()
    run = await slow.runs.create(thread["thread_id"], CHAT, input=said(SLOW_QUESTION))
    await begun(slow, thread["thread_id"], run["run_id"])
    await slow.threads.delete(thread["thread_id"])
    with pytest.raises(NotFoundError):
        await slow.threads.get(thread["thread_id"])
