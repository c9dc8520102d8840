"""`RemoteGraph` of langgraph: a graph on this server as a node of a graph elsewhere."""

import uuid

import pytest
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.pregel.remote import RemoteGraph
from langgraph.types import Command
from langgraph_sdk import get_sync_client
from talk import APPROVED, CHAT, REVIEW, said, texts


@pytest.fixture
def chat(url):
    return RemoteGraph(CHAT, url=url)


@pytest.fixture
def review(url):
    return RemoteGraph(REVIEW, url=url)


@pytest.fixture
def config():
    return {"configurable": {"thread_id": str(uuid.uuid4())}}


def test_invoke(chat, config):
    values = chat.invoke(said("hello"), config)
    assert texts(values) == ["hello"]
    values = chat.invoke(said("again"), config)
    assert texts(values) == ["hello", "again"]


def test_invoke_without_a_thread(chat):
    assert texts(chat.invoke(said("hello"))) == ["hello"]


async def test_ainvoke(chat, config):
    values = await chat.ainvoke(said("hello"), config)
    assert texts(values) == ["hello"]


def test_stream(chat, config):
    got = list(chat.stream(said("hello"), config, stream_mode=["updates", "messages"]))
    modes = [part[0] for part in got]
    assert modes[-1] == "updates" and set(modes[:-1]) == {"messages"}
    reply = chat.get_state(config).values["messages"][-1]
    assert "".join(part[1][0]["content"] for part in got[:-1]) == reply["content"]


async def test_astream(chat, config):
    got = [part async for part in chat.astream(said("hello"), config, stream_mode="values")]
    assert texts(got[-1]) == ["hello"]


def test_get_state(chat, config):
    chat.invoke(said("hello"), config)
    state = chat.get_state(config)
    assert texts(state.values) == ["hello"]
    assert state.next == ()
    assert state.metadata["source"] == "loop"
    older = chat.get_state(state.parent_config)
    assert older.next == ("chat",)
    assert chat.get_state(config, subgraphs=True).values == state.values


def test_get_state_history(chat, config):
    chat.invoke(said("hello"), config)
    history = list(chat.get_state_history(config))
    sources = [state.metadata["source"] for state in history]
    assert sources[0] == "loop" and sources[-1] == "input"
    assert len(list(chat.get_state_history(config, limit=1))) == 1


@pytest.mark.reference_deviates("answers 500 to what its own client sends")
def test_get_state_history_before(chat, config):
    chat.invoke(said("hello"), config)
    history = list(chat.get_state_history(config))
    page = list(chat.get_state_history(config, before=history[0].config))
    assert [state.config for state in page] == [state.config for state in history[1:]]


def test_update_state(chat, config):
    chat.invoke(said("hello"), config)
    chat.update_state(config, {"summary": "short"})
    assert chat.get_state(config).values["summary"] == "short"


def test_a_fork_by_an_update(chat, config):
    chat.invoke(said("one"), config)
    one = chat.get_state(config)
    chat.invoke(said("two"), config)
    forked = chat.update_state(one.config, {"summary": "forked"})
    assert texts(chat.get_state(forked).values) == ["one"]
    assert texts(chat.invoke(said("three"), config)) == ["one", "three"]


@pytest.mark.reference_deviates("its answer makes the client raise a TypeError")
def test_the_state_of_a_thread_without_a_run(chat, url):
    thread = get_sync_client(url=url).threads.create()
    state = chat.get_state({"configurable": {"thread_id": thread["thread_id"]}})
    assert state.values == {} and state.next == ()


def test_interrupt_and_resume(review, config):
    values = review.invoke(said("hello"), config)
    (interrupt,) = values["__interrupt__"]
    state = review.get_state(config)
    assert state.next == ("review",)
    assert [waits.id for waits in state.tasks[0].interrupts] == [
        interrupt["id"] if isinstance(interrupt, dict) else interrupt.id
    ]
    values = review.invoke(Command(resume=APPROVED), config)
    assert len(texts(values, "ai")) == 1
    assert review.get_state(config).next == ()


def test_the_drawing(chat):
    drawing = chat.get_graph()
    assert {"__start__", "chat", "__end__"} <= drawing.nodes.keys()
    assert "chat" in drawing.draw_mermaid()


async def test_as_a_node_of_another_graph(chat):
    builder = StateGraph(MessagesState)
    builder.add_node("remote", chat)
    builder.add_edge(START, "remote")
    values = await builder.compile().ainvoke(said("hello"))
    assert [message.type for message in values["messages"]] == ["human", "ai"]
