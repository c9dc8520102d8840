"""Runs without a thread."""

from langgraph_sdk.errors import NotFoundError
from talk import CHAT, parts, said, texts, until


async def test_wait(client):
    values = await client.runs.wait(None, CHAT, input=said("hello"))
    assert texts(values) == ["hello"]
    assert len(texts(values, "ai")) == 1


async def test_stream(client):
    seen = {}
    got = await parts(
        client.runs.stream(
            None, CHAT, input=said("hello"), stream_mode=["updates"], on_run_created=seen.update
        )
    )
    assert [part.event for part in got if part.event != "end"] == ["metadata", "updates"]
    assert seen["run_id"] == got[0].data["run_id"]


async def test_in_the_background(client):
    run = await client.runs.create(None, CHAT, input=said("hello"))
    assert run["run_id"] and run["thread_id"]


async def test_several_at_once(client):
    wanted = [{"assistant_id": CHAT, "input": said(text)} for text in ("one", "two")]
    runs = await client.runs.create_batch(wanted)
    assert len({run["run_id"] for run in runs}) == 2
    assert [run["kwargs"]["input"] for run in runs] == [said("one"), said("two")]


async def test_nothing_is_left_of_a_run_without_a_thread(client):
    run = await client.runs.create(None, CHAT, input=said("hello"))

    async def gone() -> bool:
        try:
            await client.threads.get(run["thread_id"])
        except NotFoundError:
            return True
        return False

    await until(gone, "the run's thread is deleted")


async def test_the_thread_is_kept_if_asked(client):
    run = await client.runs.create(None, CHAT, input=said("hello"), on_completion="keep")
    values = await client.runs.join(run["thread_id"], run["run_id"])
    assert texts(values) == ["hello"]
    state = await client.threads.get_state(run["thread_id"])
    assert texts(state["values"]) == ["hello"]
