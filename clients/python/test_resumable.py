"""Streams that are joined late, again, or in the middle."""

import asyncio

import pytest
from talk import CHAT, SLOW_QUESTION, begun, parts, said, texts

MODES = ["values", "messages-tuple"]


async def resumable(client, **more):
    thread = await client.threads.create()
    got = await parts(
        client.runs.stream(
            thread["thread_id"],
            CHAT,
            input=said("hello"),
            stream_mode=MODES,
            stream_resumable=True,
            **more,
        )
    )
    return thread["thread_id"], got[0].data["run_id"], got


def without_end(stream_parts):
    return [(part.event, part.data, part.id) for part in stream_parts if part.event != "end"]


async def test_every_event_has_an_id(client):
    _, _, got = await resumable(client)
    assert all(part.id for part in got)


@pytest.mark.reference_deviates("gives two events of one millisecond the same id at times")
async def test_no_two_events_have_the_same_id(client):
    _, _, got = await resumable(client)
    ids = [part.id for part in got]
    assert len(set(ids)) == len(ids)


async def test_all_is_replayed_from_the_beginning(client):
    thread_id, run_id, got = await resumable(client)
    again = await parts(client.runs.join_stream(thread_id, run_id, last_event_id="-1"))
    assert without_end(again) == without_end(got)


@pytest.mark.reference_deviates("gives two events of one millisecond the same id at times")
async def test_the_rest_is_replayed_from_the_middle(client):
    thread_id, run_id, got = await resumable(client)
    again = await parts(client.runs.join_stream(thread_id, run_id, last_event_id=got[2].id))
    assert without_end(again) == without_end(got[3:])


async def test_nothing_is_left_after_the_last(client):
    thread_id, run_id, got = await resumable(client)
    again = await parts(client.runs.join_stream(thread_id, run_id, last_event_id=got[-1].id))
    assert without_end(again) == []


async def test_one_mode_of_several_is_replayed(client):
    thread_id, run_id, got = await resumable(client)
    again = await parts(
        client.runs.join_stream(thread_id, run_id, stream_mode="values", last_event_id="-1")
    )
    events = [part.data for part in again if part.event == "values"]
    assert events == [part.data for part in got if part.event == "values"]
    assert "messages" not in {part.event for part in again}


async def test_a_stream_that_is_not_resumable_is_empty_once_it_ended(client):
    thread = await client.threads.create()
    got = await parts(client.runs.stream(thread["thread_id"], CHAT, input=said("hello")))
    run_id = got[0].data["run_id"]
    for last in (None, "-1"):
        stream = client.runs.join_stream(thread["thread_id"], run_id, last_event_id=last)
        assert without_end(await asyncio.wait_for(parts(stream), 10)) == []


async def test_a_run_in_the_background_is_joined_while_it_runs(slow):
    thread = await slow.threads.create()
    run = await slow.runs.create(
        thread["thread_id"],
        CHAT,
        input=said(SLOW_QUESTION),
        stream_mode=["values", "messages-tuple"],
    )
    await begun(slow, thread["thread_id"], run["run_id"])
    got = await parts(slow.runs.join_stream(thread["thread_id"], run["run_id"]))
    values = [part.data for part in got if part.event == "values"][-1]
    assert len(texts(values, "ai")) == 1


async def test_two_readers_see_the_same_end(slow):
    thread = await slow.threads.create()
    run = await slow.runs.create(
        thread["thread_id"],
        CHAT,
        input=said(SLOW_QUESTION),
        stream_mode="values",
        stream_resumable=True,
    )
    await begun(slow, thread["thread_id"], run["run_id"])
    joined = [
        parts(slow.runs.join_stream(thread["thread_id"], run["run_id"], last_event_id="-1"))
        for _ in range(2)
    ]
    first, second = await asyncio.gather(*joined)
    assert without_end(first) == without_end(second)
    assert len(texts(first[-1].data if first[-1].event == "values" else first[-2].data, "ai")) == 1


async def test_a_reader_that_was_cut_off_gets_the_rest_once(slow):
    thread = await slow.threads.create()
    seen = []
    stream = slow.runs.stream(
        thread["thread_id"],
        CHAT,
        input=said(SLOW_QUESTION),
        stream_mode="messages-tuple",
        stream_resumable=True,
        on_disconnect="continue",
    )
    async for part in stream:
        seen.append(part)
        if len(seen) == 5:
            break
    await stream.aclose()
    run_id = seen[0].data["run_id"]
    rest = await parts(
        slow.runs.join_stream(thread["thread_id"], run_id, last_event_id=seen[-1].id)
    )
    chunks = [part.data[0]["content"] for part in seen + rest if part.event == "messages"]
    state = await slow.threads.get_state(thread["thread_id"])
    assert "".join(chunks) == texts(state["values"], "ai")[0]


async def test_the_stream_of_a_thread_shows_its_runs(client):
    thread = await client.threads.create()
    joined = asyncio.Event()
    seen = []

    async def watch():
        stream = await client.threads.join_stream(
            thread["thread_id"], stream_mode=["run_modes", "lifecycle"]
        )
        joined.set()
        async for part in stream:
            seen.append(part)
            if part.event == "metadata" and (part.data or {}).get("status") == "run_done":
                return

    watching = asyncio.create_task(watch())
    await joined.wait()

    async def talk_until_seen():
        while not watching.done():
            await client.runs.wait(thread["thread_id"], CHAT, input=said("hello"))

    await asyncio.wait_for(asyncio.gather(watching, talk_until_seen()), 20)
    assert any(part.event == "values" for part in seen)
    assert all(part.id for part in seen)
