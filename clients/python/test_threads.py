"""Threads: made, found, counted, changed, copied, deleted."""

import uuid

import pytest
from langgraph_sdk.errors import ConflictError, NotFoundError
from talk import CHAT, said, texts

KEYS = {"thread_id", "created_at", "updated_at", "metadata", "status", "values"}


async def test_a_new_thread_is_idle_and_has_every_field(client):
    thread = await client.threads.create(metadata={"topic": "rust"})
    assert KEYS <= thread.keys()
    assert thread["status"] == "idle"
    assert thread["metadata"]["topic"] == "rust"
    assert thread["created_at"].endswith("+00:00")
    assert (await client.threads.get(thread["thread_id"]))["metadata"] == thread["metadata"]


async def test_an_id_that_is_taken_is_refused_unless_that_is_fine(client):
    wanted = str(uuid.uuid4())
    first = await client.threads.create(thread_id=wanted, metadata={"n": 1})
    with pytest.raises(ConflictError):
        await client.threads.create(thread_id=wanted)
    again = await client.threads.create(thread_id=wanted, if_exists="do_nothing")
    assert again["created_at"] == first["created_at"]
    assert again["metadata"]["n"] == 1


@pytest.mark.reference_deviates("its thread ids are UUIDs")
async def test_an_id_may_be_any_printable_text(client, mark):
    wanted = f"ann's first talk, ü {mark}"
    await client.threads.create(thread_id=wanted)
    values = await client.runs.wait(wanted, CHAT, input=said("hello"))
    assert texts(values) == ["hello"]
    assert (await client.threads.get(wanted))["thread_id"] == wanted


async def test_an_unknown_thread_is_not_found(client):
    with pytest.raises(NotFoundError):
        await client.threads.get(str(uuid.uuid4()))
    with pytest.raises(NotFoundError):
        await client.threads.update(str(uuid.uuid4()), metadata={"a": 1})
    with pytest.raises(NotFoundError):
        await client.threads.delete(str(uuid.uuid4()))


async def test_metadata_is_merged(client):
    thread = await client.threads.create(metadata={"a": 1, "b": 1})
    changed = await client.threads.update(thread["thread_id"], metadata={"b": 2, "c": 3})
    assert changed["metadata"] == {"a": 1, "b": 2, "c": 3}
    assert await client.threads.update(thread["thread_id"], metadata={"d": 4}, return_minimal=True) is None
    assert (await client.threads.get(thread["thread_id"]))["metadata"]["d"] == 4


async def test_search_finds_by_metadata_ids_and_status(client, mark):
    threads = [await client.threads.create(metadata={"mark": mark, "n": n}) for n in range(3)]
    await client.runs.wait(threads[0]["thread_id"], CHAT, input=said("hello"))

    found = await client.threads.search(
        metadata={"mark": mark}, sort_by="created_at", sort_order="asc"
    )
    assert [thread["metadata"]["n"] for thread in found] == [0, 1, 2]
    assert texts(found[0]["values"]) == ["hello"]
    page = await client.threads.search(
        metadata={"mark": mark}, sort_by="created_at", sort_order="desc", limit=1, offset=1
    )
    assert [thread["metadata"]["n"] for thread in page] == [1]
    ids = [threads[2]["thread_id"]]
    assert [thread["thread_id"] for thread in await client.threads.search(ids=ids)] == ids
    assert not await client.threads.search(metadata={"mark": mark}, status="busy")
    assert len(await client.threads.search(metadata={"mark": mark}, status="idle")) == 3


async def test_search_returns_the_fields_that_were_selected(client, mark):
    await client.threads.create(metadata={"mark": mark})
    found = await client.threads.search(metadata={"mark": mark}, select=["thread_id", "metadata"])
    assert [set(thread) for thread in found] == [{"thread_id", "metadata"}]


async def test_search_says_how_many_there_are_and_where_the_next_page_begins(client, mark):
    for _ in range(3):
        await client.threads.create(metadata={"mark": mark})
    answer = await client.http.client.post(
        "/threads/search", json={"metadata": {"mark": mark}, "limit": 2}
    )
    assert answer.headers["X-Pagination-Total"] == "3"
    assert answer.headers["X-Pagination-Next"] == "2"
    last = await client.http.client.post(
        "/threads/search", json={"metadata": {"mark": mark}, "limit": 2, "offset": 2}
    )
    assert "X-Pagination-Next" not in last.headers


async def test_count_counts_what_search_would_find(client, mark):
    for n in range(3):
        await client.threads.create(metadata={"mark": mark, "even": n % 2 == 0})
    assert await client.threads.count(metadata={"mark": mark}) == 3
    assert await client.threads.count(metadata={"mark": mark, "even": True}) == 2
    assert await client.threads.count(metadata={"mark": mark}, status="busy") == 0


async def test_after_a_run_the_thread_names_its_graph(client):
    thread = await client.threads.create()
    await client.runs.wait(thread["thread_id"], CHAT, input=said("hello"))
    metadata = (await client.threads.get(thread["thread_id"]))["metadata"]
    assert metadata["graph_id"] == CHAT
    assert uuid.UUID(metadata["assistant_id"])


async def test_a_copy_has_the_history_and_goes_its_own_way(client):
    thread = await client.threads.create(metadata={"a": 1})
    await client.runs.wait(thread["thread_id"], CHAT, input=said("one"))
    copy = await client.threads.copy(thread["thread_id"])
    assert copy["thread_id"] != thread["thread_id"]
    assert copy["metadata"]["a"] == 1
    before = await client.threads.get_history(thread["thread_id"])
    assert len(await client.threads.get_history(copy["thread_id"])) == len(before)

    values = await client.runs.wait(copy["thread_id"], CHAT, input=said("two"))
    assert texts(values) == ["one", "two"]
    state = await client.threads.get_state(thread["thread_id"])
    assert texts(state["values"]) == ["one"]


async def test_a_deleted_thread_is_gone(client):
    thread = await client.threads.create()
    await client.runs.wait(thread["thread_id"], CHAT, input=said("hello"))
    await client.threads.delete(thread["thread_id"])
    for gone in (client.threads.get, client.threads.get_state, client.threads.delete):
        with pytest.raises(NotFoundError):
            await gone(thread["thread_id"])


async def test_pruned_threads_are_gone(client):
    threads = [await client.threads.create() for _ in range(2)]
    ids = [thread["thread_id"] for thread in threads]
    assert (await client.threads.prune(ids))["pruned_count"] == 2
    with pytest.raises(NotFoundError):
        await client.threads.get(ids[0])


@pytest.mark.reference_deviates("its in-memory runtime has no keep_latest")
async def test_pruning_can_keep_the_latest_state(client):
    thread = await client.threads.create()
    for text in ("one", "two"):
        await client.runs.wait(thread["thread_id"], CHAT, input=said(text))
    await client.threads.prune([thread["thread_id"]], strategy="keep_latest")
    state = await client.threads.get_state(thread["thread_id"])
    assert texts(state["values"]) == ["one", "two"]
    assert len(await client.threads.get_history(thread["thread_id"])) == 1


async def test_a_thread_can_begin_with_a_history(client):
    thread = await client.threads.create(
        graph_id=CHAT,
        supersteps=[
            {"updates": [{"values": said("seed"), "command": None, "as_node": "__start__"}]}
        ],
    )
    state = await client.threads.get_state(thread["thread_id"])
    assert texts(state["values"]) == ["seed"]
    assert state["next"] == ["chat"]
