"""The store: long-term memory beside the threads."""

import pytest
from langgraph_sdk.errors import APIStatusError
from talk import until


async def test_an_item_is_put_got_replaced_deleted(client, mark):
    await client.store.put_item([mark, "notes"], key="k", value={"text": "one"})
    item = await client.store.get_item([mark, "notes"], key="k")
    assert item["namespace"] == [mark, "notes"] and item["key"] == "k"
    assert item["value"] == {"text": "one"}
    await client.store.put_item([mark, "notes"], key="k", value={"text": "two"})
    again = await client.store.get_item([mark, "notes"], key="k")
    assert again["value"] == {"text": "two"}
    assert again["updated_at"] > item["updated_at"]
    for _ in range(2):
        await client.store.delete_item([mark, "notes"], key="k")
    assert await client.store.get_item([mark, "notes"], key="k") is None


@pytest.mark.reference_deviates("its in-memory store makes a replaced item anew")
async def test_a_replaced_item_keeps_its_age(client, mark):
    await client.store.put_item([mark], key="k", value={"n": 1})
    item = await client.store.get_item([mark], key="k")
    await client.store.put_item([mark], key="k", value={"n": 2})
    again = await client.store.get_item([mark], key="k")
    assert again["created_at"] == item["created_at"]


async def test_search_looks_below_a_prefix(client, mark):
    for n in range(3):
        await client.store.put_item([mark, "a", "deep"], key=str(n), value={"n": n})
    await client.store.put_item([mark, "b"], key="other", value={"n": 1})
    assert len((await client.store.search_items([mark]))["items"]) == 4
    assert len((await client.store.search_items([mark, "a"]))["items"]) == 3
    page = await client.store.search_items([mark, "a"], limit=2, offset=2)
    assert len(page["items"]) == 1
    assert (await client.store.search_items([mark, "nobody"]))["items"] == []


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"n": 1}, [1]),
        ({"n": {"$eq": 1}}, [1]),
        ({"n": {"$ne": 1}}, [0, 2]),
        ({"n": {"$gt": 0}}, [1, 2]),
        ({"n": {"$gte": 1, "$lt": 2}}, [1]),
        ({"n": {"$lte": 0}}, [0]),
        ({"n": 1, "kind": "x"}, [1]),
        ({"n": 1, "kind": "y"}, []),
    ],
)
async def test_search_filters(client, mark, wanted, found):
    for n in range(3):
        await client.store.put_item([mark], key=str(n), value={"n": n, "kind": "x"})
    items = (await client.store.search_items([mark], filter=wanted))["items"]
    assert sorted(item["value"]["n"] for item in items) == found


@pytest.mark.reference_deviates("answers 500 when an item lacks the field")
async def test_an_item_without_the_field_does_not_match(client, mark):
    await client.store.put_item([mark], key="1", value={"n": 1})
    await client.store.put_item([mark], key="2", value={"other": 1})
    items = (await client.store.search_items([mark], filter={"n": {"$gt": 0}}))["items"]
    assert [item["key"] for item in items] == ["1"]


async def test_namespaces_are_listed(client, mark):
    for namespace in ([mark, "ann", "memories"], [mark, "bob"]):
        await client.store.put_item(namespace, key="k", value={})
    listed = await client.store.list_namespaces(prefix=[mark])
    assert sorted(listed["namespaces"]) == [[mark, "ann", "memories"], [mark, "bob"]]
    short = await client.store.list_namespaces(prefix=[mark], max_depth=2)
    assert sorted(short["namespaces"]) == [[mark, "ann"], [mark, "bob"]]
    by_end = await client.store.list_namespaces(prefix=[mark], suffix=["memories"])
    assert by_end["namespaces"] == [[mark, "ann", "memories"]]


@pytest.mark.reference_deviates("its development server keeps items whatever their time to live")
async def test_an_item_ends_with_its_time_to_live(client, mark):
    answer = await client.http.client.put(
        "/store/items",
        json={"namespace": [mark], "key": "k", "value": {"a": 1}, "ttl": 0.005},
    )
    assert answer.status_code == 204

    async def gone() -> bool:
        return await client.store.get_item([mark], key="k", refresh_ttl=False) is None

    await until(gone, "the item ends")
    assert (await client.store.search_items([mark]))["items"] == []


async def test_an_item_with_a_long_time_to_live_stays(client, mark):
    await client.store.put_item([mark], key="k", value={"a": 1}, ttl=10)
    assert (await client.store.get_item([mark], key="k", refresh_ttl=True))["value"] == {"a": 1}


@pytest.mark.parametrize(
    "body",
    [
        {"namespace": [], "key": "k", "value": {}},
        {"namespace": ["a.b"], "key": "k", "value": {}},
        {"namespace": [""], "key": "k", "value": {}},
        {"namespace": ["a"], "key": "k", "value": "text"},
        {"namespace": ["a"], "value": {}},
    ],
)
async def test_what_is_no_item_is_refused(client, body):
    answer = await client.http.client.put("/store/items", json=body)
    assert answer.status_code in (400, 422)


async def test_the_refusal_reaches_the_client(client):
    with pytest.raises(APIStatusError):
        await client.store.put_item([], key="k", value={})
