"""A short pass with a real model, the smallest there is: what it says is not looked at, only that it says something."""

from collections.abc import AsyncIterator, Iterator

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from servers import Server, command
from talk import CHAT, begun, parts, said, texts

pytestmark = pytest.mark.reference_deviates("has no local model")
MODEL = "local:smollm2-135m"


@pytest.fixture(scope="module")
def local_url(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("local")
    server = Server(command(folder / "memory.db", MODEL), folder / "log.txt")
    yield server.url
    server.stop()


@pytest.fixture
async def local(local_url: str) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=local_url) as client:
        yield client


@pytest.fixture
async def brief(local: LangGraphClient) -> str:
    """An assistant that says little."""
    made = await local.assistants.create(CHAT, context={"temperature": 0, "reply_tokens": 16})
    return made["assistant_id"]


async def test_it_answers_and_the_conversation_is_kept(local, brief):
    thread = (await local.threads.create())["thread_id"]
    first = await local.runs.wait(thread, brief, input=said("My name is Anna."))
    second = await local.runs.wait(thread, brief, input=said("What is my name?"))
    assert texts(second) == ["My name is Anna.", "What is my name?"]
    assert texts(second, "ai")[0] == texts(first, "ai")[0]
    assert all(text.strip() for text in texts(second, "ai"))
    assert (await local.threads.get_state(thread))["values"]["messages"] == second["messages"]


async def test_it_streams_its_reply_piece_by_piece(local, brief):
    thread = (await local.threads.create())["thread_id"]
    stream = local.runs.stream(thread, brief, input=said("Count."), stream_mode=["values", "messages-tuple"])
    got = await parts(stream)
    pieces = [part.data[0]["content"] for part in got if part.event == "messages"]
    last = [part.data for part in got if part.event == "values"][-1]
    assert len(pieces) > 1
    assert "".join(pieces) == texts(last, "ai")[0]


async def test_it_is_stopped_in_the_middle(local):
    thread = (await local.threads.create())["thread_id"]
    run = await local.runs.create(thread, CHAT, input=said("Write a very long story about a ship."))
    await begun(local, thread, run["run_id"])
    await local.runs.cancel(thread, run["run_id"], wait=True)
    assert (await local.threads.get(thread))["status"] == "interrupted"
    state = await local.threads.get_state(thread)
    assert texts(state["values"]) == ["Write a very long story about a ship."]
