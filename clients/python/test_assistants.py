"""Assistants: the registered graphs, and variants of them that clients make."""

import uuid

import pytest
from langgraph_sdk.errors import NotFoundError
from talk import CHAT, REVIEW, said, texts


async def system_assistant(client, graph: str = CHAT):
    (found,) = await client.assistants.search(
        graph_id=graph, metadata={"created_by": "system"}
    )
    return found


async def test_each_graph_has_an_assistant(client):
    for graph in (CHAT, REVIEW):
        assistant = await system_assistant(client, graph)
        assert assistant["graph_id"] == graph
        by_id = await client.assistants.get(assistant["assistant_id"])
        assert by_id["graph_id"] == graph
    namespace = uuid.UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
    chat = await system_assistant(client)
    assert chat["assistant_id"] == str(uuid.uuid5(namespace, CHAT))


async def test_an_assistant_is_made_changed_and_deleted(client, mark):
    made = await client.assistants.create(
        CHAT, context={"system": "Be kind."}, metadata={"mark": mark}, name="mine", description="d"
    )
    assert made["version"] == 1 and made["name"] == "mine"
    assert made["context"] == {"system": "Be kind."}
    changed = await client.assistants.update(
        made["assistant_id"], name="better", metadata={"more": 1}
    )
    assert changed["version"] == 2 and changed["name"] == "better"
    assert changed["metadata"]["more"] == 1
    versions = await client.assistants.get_versions(made["assistant_id"])
    assert [version["version"] for version in versions] == [2, 1]
    back = await client.assistants.set_latest(made["assistant_id"], 1)
    assert back["name"] == "mine"
    await client.assistants.delete(made["assistant_id"])
    with pytest.raises(NotFoundError):
        await client.assistants.get(made["assistant_id"])


async def test_assistants_are_found_and_counted(client, mark):
    for n in range(3):
        await client.assistants.create(CHAT, metadata={"mark": mark}, name=f"a{n}")
    found = await client.assistants.search(metadata={"mark": mark}, graph_id=CHAT)
    assert len(found) == 3
    assert await client.assistants.count(metadata={"mark": mark}) == 3
    page = await client.assistants.search(metadata={"mark": mark}, limit=2, response_format="object")
    assert len(page["assistants"]) == 2 and page["next"] == "2"
    assert await client.assistants.search(metadata={"mark": mark}, graph_id=REVIEW) == []


async def test_an_assistant_of_ones_own_answers(client):
    made = await client.assistants.create(CHAT, context={"temperature": 0})
    values = await client.runs.wait(None, made["assistant_id"], input=said("hello"))
    assert texts(values) == ["hello"]
    thread = await client.threads.create()
    run = await client.runs.create(thread["thread_id"], made["assistant_id"], input=said("hi"))
    assert run["assistant_id"] == made["assistant_id"]
    await client.runs.join(thread["thread_id"], run["run_id"])


async def test_an_id_may_be_chosen_once(client):
    wanted = str(uuid.uuid4())
    await client.assistants.create(CHAT, assistant_id=wanted)
    with pytest.raises(Exception, match="409|exists|Conflict"):
        await client.assistants.create(CHAT, assistant_id=wanted)
    again = await client.assistants.create(CHAT, assistant_id=wanted, if_exists="do_nothing")
    assert again["assistant_id"] == wanted


async def test_the_drawing_of_a_graph(client):
    for wanted in (CHAT, (await system_assistant(client))["assistant_id"]):
        graph = await client.assistants.get_graph(wanted)
        nodes = {node["id"] for node in graph["nodes"]}
        assert {"__start__", CHAT, "__end__"} <= nodes
        assert all({"source", "target"} <= edge.keys() for edge in graph["edges"])


async def test_the_schemas_of_a_graph(client):
    assistant = await system_assistant(client)
    schemas = await client.assistants.get_schemas(assistant["assistant_id"])
    assert {"graph_id", "input_schema", "output_schema", "state_schema"} <= schemas.keys()


@pytest.mark.reference_deviates("makes no schema of a graph with messages of any kind")
async def test_the_schemas_name_the_channels(client):
    assistant = await system_assistant(client)
    schemas = await client.assistants.get_schemas(assistant["assistant_id"])
    for which in ("input_schema", "output_schema", "state_schema"):
        assert "messages" in schemas[which]["properties"], which


async def test_the_subgraphs_of_a_graph(client):
    assistant = await system_assistant(client)
    assert await client.assistants.get_subgraphs(assistant["assistant_id"], recurse=True) == {}


async def test_an_unknown_assistant_is_not_found(client):
    with pytest.raises(NotFoundError):
        await client.assistants.get(str(uuid.uuid4()))
