"""Streams: what each mode sends, and that what is streamed is what is kept."""

import pytest
from langgraph_sdk.errors import NotFoundError, UnprocessableEntityError
from talk import CHAT, parts, said, texts


def events(stream_parts) -> list[str]:
    return [part.event for part in stream_parts if part.event != "end"]


def of(stream_parts, event: str) -> list:
    return [part.data for part in stream_parts if part.event == event]


async def streamed(client, mode, text="hello", **more):
    thread = await client.threads.create()
    got = await parts(
        client.runs.stream(
            thread["thread_id"], CHAT, input=said(text), stream_mode=mode, **more
        )
    )
    assert got[0].event == "metadata"
    assert got[0].data["run_id"]
    state = await client.threads.get_state(thread["thread_id"])
    return got, state


async def test_two_modes_at_once(client):
    got, state = await streamed(client, ["values", "updates"])
    assert events(got) == ["metadata", "values", "updates", "values"]
    assert of(got, "values")[-1] == state["values"]
    (update,) = of(got, "updates")
    assert list(update) == ["chat"]
    assert update["chat"]["messages"][0] == state["values"]["messages"][-1]


async def test_values_are_the_default(client):
    thread = await client.threads.create()
    got = await parts(client.runs.stream(thread["thread_id"], CHAT, input=said("hello")))
    assert events(got) == ["metadata", "values", "values"]
    assert texts(of(got, "values")[0]) == ["hello"]


async def test_message_tuples_are_the_reply_in_pieces(client):
    got, state = await streamed(client, "messages-tuple")
    chunks = [chunk for chunk, _ in of(got, "messages")]
    reply = state["values"]["messages"][-1]
    assert "".join(chunk["content"] for chunk in chunks) == reply["content"]
    assert {chunk["id"] for chunk in chunks} == {reply["id"]}
    assert {chunk["type"] for chunk in chunks} == {"AIMessageChunk"}
    details = of(got, "messages")[0][1]
    assert details["langgraph_node"] == "chat"
    assert details["run_id"] == got[0].data["run_id"]
    assert {"langgraph_step", "langgraph_checkpoint_ns", "thread_id"} <= details.keys()


async def test_messages_accumulate(client):
    got, state = await streamed(client, "messages")
    reply = state["values"]["messages"][-1]
    (about,) = of(got, "messages/metadata")
    assert list(about) == [reply["id"]]
    assert about[reply["id"]]["metadata"]["langgraph_node"] == "chat"
    partial = [message for (message,) in of(got, "messages/partial")]
    lengths = [len(message["content"]) for message in partial]
    assert lengths == sorted(lengths)
    whole = [message for (message,) in of(got, "messages/complete")] or partial
    assert whole[-1]["content"] == reply["content"]


async def test_updates(client):
    got, _ = await streamed(client, "updates")
    assert [list(update) for update in of(got, "updates")] == [["chat"]]


async def test_tasks_begin_and_end(client):
    got, _ = await streamed(client, "tasks")
    begin, end = of(got, "tasks")
    assert begin["name"] == end["name"] == "chat"
    assert begin["id"] == end["id"]
    assert texts(begin["input"]) == ["hello"]
    assert end["error"] is None
    assert end["interrupts"] == []
    assert end["result"]


async def test_checkpoints_are_those_of_the_history(client):
    got, state = await streamed(client, "checkpoints")
    checkpoints = of(got, "checkpoints")
    last = checkpoints[-1]["config"]["configurable"]["checkpoint_id"]
    assert last == state["checkpoint"]["checkpoint_id"]
    assert checkpoints[-1]["next"] == []
    assert checkpoints[-1]["values"] == state["values"]
    assert [checkpoint["metadata"]["source"] for checkpoint in checkpoints][0] == "input"


async def test_debug_shows_checkpoints_and_tasks(client):
    got, _ = await streamed(client, "debug")
    kinds = [event["type"] for event in of(got, "debug")]
    assert kinds.count("task") == kinds.count("task_result") == 1
    assert kinds[0] == kinds[-1] == "checkpoint"
    assert all({"step", "timestamp", "payload"} <= event.keys() for event in of(got, "debug"))


async def test_a_graph_that_writes_nothing_of_its_own_streams_nothing_of_its_own(client):
    got, _ = await streamed(client, "custom")
    assert events(got) == ["metadata"]


async def test_events_are_those_of_langchain(client):
    got, state = await streamed(client, "events")
    kinds = [event["event"] for event in of(got, "events")]
    assert kinds[0] == "on_chain_start"
    assert kinds[-1] == "on_chain_end"
    assert "on_chat_model_stream" in kinds
    assert all({"event", "name", "run_id", "data"} <= event.keys() for event in of(got, "events"))


@pytest.mark.parametrize("mode", ["bogus", "tools", "lifecycle"])
async def test_an_unknown_mode_is_refused_before_a_run_exists(client, mode):
    thread = await client.threads.create()
    with pytest.raises(UnprocessableEntityError):
        await parts(
            client.runs.stream(
                thread["thread_id"], CHAT, input=said("hello"), stream_mode=mode
            )
        )
    assert await client.runs.list(thread["thread_id"]) == []


async def test_an_unknown_assistant_or_thread_is_refused(client):
    thread = await client.threads.create()
    unknown = "8e533ea4-a1e1-47e8-a28f-372561321705"
    with pytest.raises(UnprocessableEntityError):
        await parts(client.runs.stream(thread["thread_id"], "no-such-graph", input=said("x")))
    with pytest.raises(NotFoundError):
        await parts(client.runs.stream(thread["thread_id"], unknown, input=said("x")))
    with pytest.raises(NotFoundError):
        await parts(client.runs.stream(unknown, CHAT, input=said("x")))


async def test_a_run_can_make_its_thread(client):
    thread_id = "8e533ea4-a1e1-47e8-a28f-" + "%012x" % id(client)
    got = await parts(
        client.runs.stream(thread_id, CHAT, input=said("hello"), if_not_exists="create")
    )
    assert events(got)[-1] == "values"
    assert (await client.threads.get(thread_id))["thread_id"] == thread_id


async def test_the_headers_name_the_run(client):
    thread = await client.threads.create()
    seen = {}
    got = await parts(
        client.runs.stream(
            thread["thread_id"], CHAT, input=said("hello"), on_run_created=seen.update
        )
    )
    assert seen["run_id"] == got[0].data["run_id"]
    assert seen["thread_id"] == thread["thread_id"]


async def test_the_second_form_of_the_stream(client):
    thread = await client.threads.create()
    got = await parts(
        client.runs.stream(
            thread["thread_id"],
            CHAT,
            input=said("hello"),
            stream_mode=["values", "updates"],
            version="v2",
        )
    )
    kinds = [part["type"] for part in got]
    assert kinds[:4] == ["metadata", "values", "updates", "values"]
    assert all(part["ns"] == [] for part in got)


async def test_message_fields_of_the_client_survive(client):
    message = {
        "role": "user",
        "content": [
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ],
        "id": "my-own-id",
        "name": "ann",
        "additional_kwargs": {"client": {"sent": 1}},
    }
    thread = await client.threads.create()
    values = await client.runs.wait(thread["thread_id"], CHAT, input={"messages": [message]})
    kept = values["messages"][0]
    for field in ("content", "id", "name", "additional_kwargs"):
        assert kept[field] == message[field], field
    assert kept["type"] == "human"
