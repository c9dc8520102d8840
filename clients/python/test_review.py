"""The graph `review`: each draft waits until a person approves or edits it."""

import pytest
from talk import APPROVED, REVIEW, edited, parts, said, texts


async def waiting(client):
    """A thread with a draft that waits. Returns its id and the interrupt."""
    thread = await client.threads.create()
    values = await client.runs.wait(thread["thread_id"], REVIEW, input=said("hello"))
    (interrupt,) = values["__interrupt__"]
    return thread["thread_id"], interrupt


async def test_a_draft_waits(client):
    thread_id, interrupt = await waiting(client)
    assert "hello" in str(interrupt["value"])
    thread = await client.threads.get(thread_id)
    assert thread["status"] == "interrupted"
    ((kept,),) = thread["interrupts"].values()
    assert kept["id"] == interrupt["id"]
    assert kept["value"] == interrupt["value"]

    state = await client.threads.get_state(thread_id)
    (node,) = state["next"]
    (task,) = state["tasks"]
    assert task["name"] == node
    assert [waits["id"] for waits in task["interrupts"]] == [interrupt["id"]]
    assert [waits["id"] for waits in state["interrupts"]] == [interrupt["id"]]
    assert texts(state["values"], "ai") == []
    (run,) = await client.runs.list(thread_id)
    assert run["status"] == "success"


async def test_the_interrupt_is_streamed(client):
    thread = await client.threads.create()
    got = await parts(
        client.runs.stream(
            thread["thread_id"], REVIEW, input=said("hello"), stream_mode=["values", "updates"]
        )
    )
    update = [part.data for part in got if part.event == "updates"][-1]
    values = [part.data for part in got if part.event == "values"][-1]
    assert list(update) == ["__interrupt__"]
    assert update["__interrupt__"] == values["__interrupt__"]
    assert {"id", "value"} <= update["__interrupt__"][0].keys()


async def test_an_approved_draft_is_said(client):
    thread_id, _ = await waiting(client)
    values = await client.runs.wait(thread_id, REVIEW, command={"resume": APPROVED})
    (reply,) = texts(values, "ai")
    assert "hello" in reply
    assert "__interrupt__" not in values
    thread = await client.threads.get(thread_id)
    assert thread["status"] == "idle"
    assert not thread["interrupts"]
    assert (await client.threads.get_state(thread_id))["next"] == []


async def test_an_edited_draft_is_said_as_edited(client):
    thread_id, _ = await waiting(client)
    values = await client.runs.wait(thread_id, REVIEW, command={"resume": edited("better")})
    assert texts(values, "ai") == ["better"]


@pytest.mark.reference_deviates("the graph that stands for ours there drafts once")
async def test_a_rejected_draft_is_drafted_anew(client):
    thread_id, interrupt = await waiting(client)
    values = await client.runs.wait(
        thread_id, REVIEW, command={"resume": {"action": "reject", "note": "shorter"}}
    )
    (newer,) = values["__interrupt__"]
    assert newer["id"] != interrupt["id"]
    assert texts(values, "ai") == []


async def test_a_resume_may_name_its_interrupt(client):
    thread_id, interrupt = await waiting(client)
    values = await client.runs.wait(
        thread_id, REVIEW, command={"resume": {interrupt["id"]: edited("by name")}}
    )
    assert texts(values, "ai") == ["by name"]


async def test_resuming_is_streamed(client):
    thread_id, _ = await waiting(client)
    got = await parts(
        client.runs.stream(
            thread_id, REVIEW, command={"resume": edited("better")}, stream_mode=["values", "updates"]
        )
    )
    assert [part.event for part in got if part.event != "end"] == ["metadata", "values", "updates", "values"]
    assert texts(got[3].data, "ai") == ["better"]


async def test_a_new_input_drops_the_draft_that_waits(client):
    thread_id, interrupt = await waiting(client)
    values = await client.runs.wait(thread_id, REVIEW, input=said("something else"))
    (newer,) = values["__interrupt__"]
    assert newer["id"] != interrupt["id"]
    assert "something else" in str(newer["value"])
    assert texts(values) == ["hello", "something else"]


@pytest.mark.parametrize("both", [{"goto": []}, {"update": None}])
async def test_a_resume_may_come_with_empty_company(client, both):
    thread_id, _ = await waiting(client)
    command = {"resume": edited("better"), **both}
    answer = await client.http.client.post(
        f"/threads/{thread_id}/runs/wait",
        json={"assistant_id": REVIEW, "command": command, "input": None},
    )
    assert texts(answer.json(), "ai") == ["better"]
