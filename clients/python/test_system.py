"""What a client asks a server about itself, and webhooks."""

import pytest
from langgraph_sdk.errors import UnprocessableEntityError
from talk import CHAT, SLOW_QUESTION, said


async def test_ok(client):
    answer = await client.http.client.get("/ok")
    assert answer.status_code == 200 and answer.json()["ok"] is True


async def test_info(client):
    info = (await client.http.client.get("/info")).json()
    assert info["version"]
    assert info["flags"]["assistants"] is True


@pytest.mark.reference_deviates("has crons")
async def test_info_says_no_to_what_is_not_there(client):
    info = (await client.http.client.get("/info")).json()
    assert info["flags"]["crons"] is False
    assert info["flags"]["langsmith"] is False


async def test_an_unknown_path_is_not_found(client):
    answer = await client.http.client.get("/nope")
    assert answer.status_code == 404 and isinstance(answer.json()["detail"], str)


async def test_a_wrong_method_is_refused(client):
    answer = await client.http.client.patch("/threads/search", json={})
    assert answer.status_code in (404, 405, 422)


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:9/hook",
        "http://localhost:9/hook",
        "http://[::1]:9/hook",
        "http://169.254.169.254/latest",
        pytest.param(
            "http://10.0.0.1/hook",
            marks=pytest.mark.reference_deviates("refuses loopback only"),
        ),
        "/threads/search",
    ],
)
async def test_a_webhook_to_a_private_place_is_refused(client, target):
    thread = await client.threads.create()
    with pytest.raises(UnprocessableEntityError):
        await client.runs.create(thread["thread_id"], CHAT, input=said("x"), webhook=target)
    assert await client.runs.list(thread["thread_id"]) == []


async def test_bodies_are_json_whatever_they_say_they_are(client):
    answer = await client.http.client.post(
        "/assistants/search", content="{}", headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("body", ["{bad json", '{"metadata": "text"}', "[]"])
async def test_a_bad_body_is_refused(client, body):
    answer = await client.http.client.post(
        "/threads", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)


async def test_streams_name_their_run_in_headers(client):
    thread = await client.threads.create()
    body = {"assistant_id": CHAT, "input": said("hello")}
    path = f"/threads/{thread['thread_id']}/runs"
    for how, more in (("stream", "/stream"), ("wait", "/join")):
        answer = await client.http.client.post(f"{path}/{how}", json=body)
        assert answer.headers["content-location"].startswith(f"{path}/")
        assert answer.headers["location"] == answer.headers["content-location"] + more
    streamed = await client.http.client.post(f"{path}/stream", json=body)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.headers["cache-control"] == "no-store"


async def test_an_unknown_field_is_no_obstacle(slow):
    thread = await slow.threads.create()
    answer = await slow.http.client.post(
        f"/threads/{thread['thread_id']}/runs",
        json={"assistant_id": CHAT, "input": said(SLOW_QUESTION), "of_the_future": 1},
    )
    assert answer.status_code == 200
