"""States, histories, edits and forks."""

import uuid

import pytest
from langgraph_sdk.errors import BadRequestError, NotFoundError
from talk import CHAT, parts, said, texts

KEYS = {
    "values",
    "next",
    "tasks",
    "metadata",
    "created_at",
    "checkpoint",
    "parent_checkpoint",
    "interrupts",
}


async def talked(client, *turns: str) -> str:
    thread = await client.threads.create()
    for turn in turns:
        await client.runs.wait(thread["thread_id"], CHAT, input=said(turn))
    return thread["thread_id"]


async def test_a_state_has_every_field(client):
    thread_id = await talked(client, "one")
    state = await client.threads.get_state(thread_id)
    assert KEYS <= state.keys()
    assert state["next"] == [] and state["tasks"] == [] and state["interrupts"] == []
    assert state["checkpoint"]["thread_id"] == thread_id
    assert state["checkpoint"]["checkpoint_ns"] == ""
    assert state["metadata"]["source"] == "loop"
    assert state["metadata"]["step"] >= 0
    assert state["parent_checkpoint"]["checkpoint_id"] < state["checkpoint"]["checkpoint_id"]


async def test_a_thread_without_a_run_has_an_empty_state(client):
    thread = await client.threads.create()
    state = await client.threads.get_state(thread["thread_id"])
    assert state["values"] == {} and state["next"] == []
    assert await client.threads.get_history(thread["thread_id"]) == []


async def test_a_history_is_newest_first_and_each_is_the_parent_of_the_next(client):
    thread_id = await talked(client, "one", "two")
    history = await client.threads.get_history(thread_id, limit=100)
    sources = [state["metadata"]["source"] for state in history]
    assert sources[0] == "loop"
    assert sources.count("input") >= 2
    ids = [state["checkpoint"]["checkpoint_id"] for state in history]
    assert ids == sorted(ids, reverse=True)
    for state, older in zip(history, history[1:]):
        assert state["parent_checkpoint"] == older["checkpoint"]
    assert history[-1]["parent_checkpoint"] is None
    turns = [len(texts(state["values"])) if state["values"] else 0 for state in history]
    assert turns == sorted(turns, reverse=True)
    assert {1, 2} <= set(turns)


async def test_a_history_has_pages(client):
    thread_id = await talked(client, "one", "two")
    history = await client.threads.get_history(thread_id, limit=100)
    assert await client.threads.get_history(thread_id, limit=2) == history[:2]


@pytest.mark.reference_deviates("answers 500 or 422 to what its own client sends")
@pytest.mark.parametrize("shape", ["checkpoint", "id"])
async def test_a_history_goes_on_before_a_checkpoint(client, shape):
    thread_id = await talked(client, "one", "two")
    history = await client.threads.get_history(thread_id, limit=100)
    checkpoint = history[1]["checkpoint"]
    before = checkpoint if shape == "checkpoint" else checkpoint["checkpoint_id"]
    page = await client.threads.get_history(thread_id, limit=2, before=before)
    assert page == history[2:4]


async def test_a_history_goes_on_before_a_configuration(client):
    thread_id = await talked(client, "one", "two")
    history = await client.threads.get_history(thread_id, limit=100)
    before = {"configurable": {"checkpoint_id": history[1]["checkpoint"]["checkpoint_id"]}}
    assert await client.threads.get_history(thread_id, limit=2, before=before) == history[2:4]


async def test_a_history_is_filtered_by_metadata(client):
    thread_id = await talked(client, "one", "two")
    inputs = await client.threads.get_history(thread_id, metadata={"source": "input"})
    assert [state["metadata"]["source"] for state in inputs] == ["input", "input"]


async def ended_with(client, thread_id: str, *turns: str):
    """The newest checkpoint at which exactly these turns were over."""
    history = await client.threads.get_history(thread_id, limit=100)
    return next(
        state["checkpoint"]
        for state in history
        if state["next"] == [] and texts(state["values"]) == list(turns)
    )


async def test_the_state_of_a_checkpoint(client):
    thread_id = await talked(client, "one", "two")
    checkpoint = await ended_with(client, thread_id, "one")
    for wanted in (
        {"checkpoint": checkpoint},
        {"checkpoint_id": checkpoint["checkpoint_id"]},
    ):
        state = await client.threads.get_state(thread_id, **wanted)
        assert texts(state["values"]) == ["one"]
        assert state["checkpoint"]["checkpoint_id"] == checkpoint["checkpoint_id"]


async def test_an_edit_is_a_checkpoint_of_its_own(client):
    thread_id = await talked(client, "one")
    before = await client.threads.get_state(thread_id)
    await client.threads.update_state(thread_id, {"summary": "short"})
    state = await client.threads.get_state(thread_id)
    assert state["values"]["summary"] == "short"
    assert state["metadata"]["source"] == "update"
    assert state["parent_checkpoint"] == before["checkpoint"]


async def test_an_edit_speaks_as_a_node(client):
    thread_id = await talked(client, "one")
    edit = await client.threads.update_state(thread_id, said("me again"), as_node="__start__")
    assert edit["checkpoint"]["thread_id"] == thread_id
    state = await client.threads.get_state(thread_id)
    assert state["checkpoint"]["checkpoint_id"] == edit["checkpoint"]["checkpoint_id"]
    assert state["next"] == ["chat"]
    values = await client.runs.wait(thread_id, CHAT, input=None)
    assert texts(values) == ["one", "me again"]
    assert len(texts(values, "ai")) == 2


async def test_an_edit_as_a_node_that_is_not_there_is_refused(client):
    thread_id = await talked(client, "one")
    with pytest.raises(BadRequestError):
        await client.threads.update_state(thread_id, {"summary": "x"}, as_node="nobody")


async def test_a_message_is_replaced_and_removed_by_its_id(client):
    thread_id = await talked(client, "one")
    state = await client.threads.get_state(thread_id)
    question, reply = state["values"]["messages"]
    edited = {"role": "user", "content": "one, edited", "id": question["id"]}
    await client.threads.update_state(thread_id, {"messages": [edited]})
    state = await client.threads.get_state(thread_id)
    assert texts(state["values"]) == ["one, edited"]
    removal = {"type": "remove", "id": reply["id"], "content": ""}
    await client.threads.update_state(thread_id, {"messages": [removal]})
    state = await client.threads.get_state(thread_id)
    assert texts(state["values"], "ai") == []


async def test_a_conversation_is_begun_anew_before_its_first_message(client):
    thread_id = await talked(client, "one")
    history = await client.threads.get_history(thread_id, limit=100)
    first = [state for state in history if state["values"].get("messages")][-1]
    values = await client.runs.wait(
        thread_id, CHAT, input=said("one, edited"), checkpoint=first["parent_checkpoint"]
    )
    assert texts(values) == ["one, edited"]
    assert texts((await client.threads.get_state(thread_id))["values"]) == ["one, edited"]
    kept = await client.threads.get_state(thread_id, checkpoint=history[0]["checkpoint"])
    assert texts(kept["values"]) == ["one"], "what was said before is kept on its branch"


async def test_a_fork_by_an_edit_becomes_the_head(client):
    thread_id = await talked(client, "one", "two")
    history = await client.threads.get_history(thread_id, limit=100)
    old = await ended_with(client, thread_id, "one")
    await client.threads.update_state(thread_id, {"summary": "forked"}, checkpoint=old)
    state = await client.threads.get_state(thread_id)
    assert state["parent_checkpoint"] == old
    assert texts(state["values"]) == ["one"]
    assert state["values"]["summary"] == "forked"
    assert len(await client.threads.get_history(thread_id, limit=100)) == len(history) + 1


@pytest.mark.parametrize("partial", [False, True])
async def test_a_run_from_an_old_checkpoint_is_a_branch(client, partial):
    thread_id = await talked(client, "one", "two")
    history = await client.threads.get_history(thread_id, limit=100)
    old = await ended_with(client, thread_id, "one")
    wanted = {"checkpoint_id": old["checkpoint_id"]} if partial else old
    got = await parts(
        client.runs.stream(thread_id, CHAT, input=said("two again"), checkpoint=wanted)
    )
    values = [part.data for part in got if part.event == "values"][-1]
    assert texts(values) == ["one", "two again"]
    branched = await client.threads.get_history(thread_id, limit=100)
    assert len(branched) > len(history)
    siblings = [state for state in branched if state["parent_checkpoint"] == old]
    assert [state["metadata"]["source"] for state in siblings] == ["input", "input"]


async def test_a_run_without_input_repeats_from_an_old_checkpoint(client):
    thread_id = await talked(client, "one")
    history = await client.threads.get_history(thread_id, limit=100)
    asked = next(state for state in history if state["next"] == ["chat"])
    values = await client.runs.wait(
        thread_id, CHAT, input=None, checkpoint_id=asked["checkpoint"]["checkpoint_id"]
    )
    assert texts(values) == ["one"]
    assert len(texts(values, "ai")) == 1
    state = await client.threads.get_state(thread_id)
    first_reply = history[0]["values"]["messages"][-1]["id"]
    assert state["values"]["messages"][-1]["id"] != first_reply


async def test_a_selection_of_fields(client):
    thread_id = await talked(client, "one")
    answer = await client.http.client.get(
        f"/threads/{thread_id}/state", params={"select": ["values.messages", "next"]}
    )
    assert {"values", "next"} <= answer.json().keys()
    assert texts(answer.json()["values"]) == ["one"]


async def test_an_unknown_thread_has_no_state(client):
    for ask in (client.threads.get_state, client.threads.get_history):
        with pytest.raises(NotFoundError):
            await ask(str(uuid.uuid4()))
