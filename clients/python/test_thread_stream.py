"""`client.threads.stream()`: a thread is spoken to with commands, and tells what happens on it (both transports)."""

import asyncio
from typing import Any

import pytest
from talk import CHAT, PATIENCE_SECONDS, REVIEW, SLOW_QUESTION, edited, said, texts, until

TRANSPORTS = ["sse", "websocket"]


def replies(values: dict[str, Any]) -> list[str]:
    """What the model said in a state, as text; the reference has it in blocks."""

    def text(content: Any) -> str:
        return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)

    return [text(content) for content in texts(values, "ai")]


@pytest.fixture(params=TRANSPORTS)
def transport(request) -> str:
    return request.param


@pytest.fixture(autouse=True)
async def in_time():
    async with asyncio.timeout(3 * PATIENCE_SECONDS):
        yield


async def test_a_turn_is_streamed(client, transport):
    async with client.threads.stream(assistant_id=CHAT, transport=transport) as thread:
        begun = await thread.run.start(input=said("hello"))
        assert begun["run_id"]
        values = await thread.output
        assert texts(values) == ["hello"]
        (reply,) = replies(values)
        assert "hello" in reply
        state = await client.threads.get_state(thread.thread_id)
        assert state["values"] == values


async def test_a_reply_is_heard_word_by_word(slow, transport):
    async def hear(message) -> list[str]:
        return [word async for word in message.text]

    async with asyncio.timeout(PATIENCE_SECONDS), slow.threads.stream(assistant_id=CHAT, transport=transport) as thread:
        await thread.run.start(input=said(SLOW_QUESTION))
        # The client gives a message its words while the next message is waited for: who hears one does so beside that.
        hearing = [asyncio.create_task(hear(message)) async for message in thread.messages]
        (words,) = await asyncio.gather(*hearing)
        assert len(words) > 10
        values = await thread.output
        assert ["".join(words)] == replies(values)


async def test_states_are_streamed(client, transport):
    async with client.threads.stream(assistant_id=CHAT, transport=transport) as thread:
        await thread.run.start(input=said("hello"))
        async for values in thread.values:
            if replies(values):
                break
        assert texts(values) == ["hello"]


async def test_a_draft_is_shown_and_answered(client, transport):
    async with client.threads.stream(assistant_id=REVIEW, transport=transport) as thread:
        await thread.run.start(input=said("hello"))

        async def waits() -> bool:
            return thread.interrupted

        await until(waits, "the draft waits")
        (interrupt,) = thread.interrupts
        assert "hello" in str(interrupt["value"]), "the client reads `value`"
        await thread.run.respond(edited("better"))
        values = await thread.output
        assert replies(values) == ["better"]


async def test_an_answer_to_nothing_is_refused(client, transport):
    async with client.threads.stream(assistant_id=REVIEW, transport=transport) as thread:
        with pytest.raises(RuntimeError, match="no_such_interrupt"):
            await thread._send_command(
                "input.respond", {"namespace": [], "interrupt_id": "x", "response": 1}
            )


async def test_an_unknown_assistant_is_refused(client, transport):
    async with client.threads.stream(assistant_id="nonsense", transport=transport) as thread:
        with pytest.raises(RuntimeError, match="Protocol error"):
            await thread.run.start(input=said("hello"))


async def test_a_failure_is_told(client, transport):
    async with client.threads.stream(assistant_id=REVIEW, transport=transport) as thread:
        await thread.run.start(input=said("hello"), config={"recursion_limit": 1})
        with pytest.raises(RuntimeError, match="(?i)recursion limit"):
            await thread.output


@pytest.mark.reference_deviates("tells nothing in these channels")
async def test_several_channels_are_read_together(client, transport):
    async with client.threads.stream(assistant_id=CHAT, transport=transport) as thread:
        await thread.run.start(input=said("hello"))
        seen: dict[str, int] = {}
        async for event in thread.subscribe(["updates", "checkpoints", "tasks", "lifecycle"]):
            seen[event["method"]] = event["seq"]
            if event["method"] == "lifecycle" and event["params"]["data"]["event"] == "completed":
                break
        assert seen.keys() == {"updates", "checkpoints", "tasks", "lifecycle"}


async def test_a_second_client_hears_what_was_told(client, transport):
    async with client.threads.stream(assistant_id=CHAT, transport=transport) as first:
        await first.run.start(input=said("hello"))
        await first.output
        thread_id = first.thread_id
    async with client.threads.stream(thread_id, assistant_id=CHAT, transport=transport) as second:
        told = []
        async for event in second.events:
            told.append(event)
            if event["method"] == "lifecycle" and event["params"]["data"]["event"] == "completed":
                break
        assert [event["seq"] for event in told] == list(range(1, len(told) + 1))
        assert (await second.output) == (await client.threads.get_state(thread_id))["values"]


async def test_turns_of_both_generations_are_one_conversation(client, transport):
    async with client.threads.stream(assistant_id=CHAT, transport=transport) as thread:
        await thread.run.start(input=said("first"))
        await thread.output
        values = await client.runs.wait(thread.thread_id, CHAT, input=said("second"))
        assert texts(values) == ["first", "second"]
        since = 0
        async for event in thread.events:
            assert event["seq"] > since, "numbers ascend"
            since = event["seq"]
            if event["method"] == "values" and texts(event["params"]["data"], "ai")[1:]:
                break


def test_the_blocking_client_speaks_too(url, transport):
    from langgraph_sdk import get_sync_client

    client = get_sync_client(url=url)
    with client.threads.stream(assistant_id=CHAT, transport=transport) as thread:
        thread.run.start(input=said("hello"))
        assert texts(thread.output) == ["hello"]
