"""Rubbish on every route: never a 5xx, never a panic, and the server goes on."""

import json
import re

import httpx
import hypothesis
import pytest
import schemathesis
from servers import Server, command

HARMFUL = [
    b"",
    b"null",
    b"[]",
    b"{bad json",
    b'"text"',
    b"\xff\xfe\x00",
    b'{"metadata": "\xed\xa0\x80"}',
    b'{"thread_id": "a\\u0000b", "key": "\\u0000", "namespace": ["\\u0000"]}',
    b'{"metadata": {"a": "\\ud800"}}',
    b"[" * 5_000 + b"]" * 5_000,
    b'{"metadata":' + b'{"a":' * 2_000 + b"1" + b"}" * 2_001,
    json.dumps({"limit": -1, "offset": 10**30, "thread_ids": {}, "run_ids": 1}).encode(),
    json.dumps({"assistant_id": 5, "input": [[]], "stream_mode": {"a": 1}}).encode(),
    json.dumps({"assistant_id": "chat", "input": {"messages": [5, None, {}, {"role": "x"}]}}).encode(),
    json.dumps({"assistant_id": "chat", "input": {"messages": 5}, "config": [], "command": 1}).encode(),
    json.dumps({"assistant_id": "chat", "checkpoint": {"checkpoint_id": "../.."}, "input": {}}).encode(),
    json.dumps({"namespace": ["a"] * 10_000, "key": "k" * 100_000, "value": {}}).encode(),
]
IDS = ["x", "..%2F..", "%00", "%ff", "é" * 300, "a b", "00000000-0000-4000-8000-000000000000", "-1", "'; --"]
MADE_UP = {
    "max_examples": 25,
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": list(hypothesis.HealthCheck),
}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rubbish")
    running = Server(command(folder / "memory.db", "scripted:echo"), folder / "log.txt")
    yield running
    alive = running.process.poll() is None
    running.stop()
    log = running.log.read_text()
    assert alive, f"the server ended:\n{log}"
    assert "panicked" not in log, log


@pytest.fixture(scope="module")
def document(server):
    return httpx.get(f"{server.url}/openapi.json").json()


def paths(document: dict, text: str) -> list[str]:
    return [re.sub(r"\{[^}]+\}", text, path) for path in document["paths"]]


def test_bodies_that_are_none(server, document):
    with httpx.Client(base_url=server.url, timeout=20) as http:
        for path in paths(document, "00000000-0000-4000-8000-000000000000"):
            for method in METHODS:
                for body in HARMFUL:
                    check(http, method, path, body)


def test_ids_that_are_none(server, document):
    with httpx.Client(base_url=server.url, timeout=20) as http:
        for text in IDS:
            for path in paths(document, text):
                for method in METHODS:
                    check(http, method, path, b"{}")


@pytest.mark.parametrize("query", ["limit=x", "limit=-1&offset=99999999999999999999", "%ff=%00", "select=" + "a" * 5_000])
def test_queries_that_are_none(server, document, query):
    with httpx.Client(base_url=server.url, timeout=20) as http:
        for path in paths(document, "x"):
            check(http, "GET", f"{path}?{query}", None)


def test_a_body_that_is_too_large(server):
    with httpx.Client(base_url=server.url, timeout=60) as http:
        try:
            answer = http.post("/threads", content=b'{"metadata": {"a": "' + b"x" * (64 << 20) + b'"}}')
        except httpx.WriteError:
            return
        assert answer.status_code == 413


def test_headers_that_are_none(server):
    with httpx.Client(base_url=server.url, timeout=20) as http:
        for headers in (
            {"Last-Event-ID": "rubbish"},
            {"Authorization": "Bearer \xff"},
            {"X-Api-Key": "k" * 8_000},
            {"X-Everthread-User": "\x01"},
            {"Content-Length": "0", "Transfer-Encoding": "chunked"},
        ):
            try:
                answer = http.get("/threads/x/state", headers=headers)
            except (httpx.LocalProtocolError, httpx.RemoteProtocolError, UnicodeEncodeError):
                continue
            assert answer.status_code < 500


def check(http: httpx.Client, method: str, path: str, body: bytes | None) -> None:
    """Streams are left after their head: what they are about is the status."""
    headers = {"content-type": "application/json"}
    with http.stream(method, path, content=body, headers=headers) as answer:
        status = answer.status_code
        # 501 says that there are no crons.
        assert status < 500 or status == 501, f"{method} {path} {body!r:.200}: {status}"


def test_what_the_document_describes(server):
    """Requests that the document allows, and some that it does not, made up by schemathesis."""
    described = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    seen = 0
    for result in described.get_all_operations():
        operation = result.ok()

        @hypothesis.settings(**MADE_UP)
        @hypothesis.given(case=operation.as_strategy())
        def ask(case):
            answer = case.call(timeout=20)
            allowed = answer.status_code < 500 or answer.status_code == 501
            assert allowed, f"{case.as_curl_command()}: {answer.status_code}"

        ask()
        seen += 1
    assert seen > 50
