"""Webhooks of the built server: into the network only where its operator allows it."""

import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from langgraph_sdk import get_client
from servers import Server, command
from talk import CHAT, PATIENCE_SECONDS, said, texts

pytestmark = pytest.mark.reference_deviates("has no such setting")


class Listener:
    """An HTTP server that keeps what it was told, and refuses the first so many."""

    def __init__(self) -> None:
        self.told: queue.Queue[dict] = queue.Queue()
        self.refuses = 0
        self.moves = False
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if listener.moves:
                    self.send_response(307)
                    self.send_header("location", f"{listener.url}/elsewhere")
                elif listener.refuses > 0:
                    listener.refuses -= 1
                    self.send_response(500)
                else:
                    self.send_response(204)
                self.send_header("content-length", "0")
                self.end_headers()
                listener.told.put({"path": self.path, **json.loads(body)})

            def log_message(self, *_) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def next(self) -> dict:
        return self.told.get(timeout=PATIENCE_SECONDS)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture(scope="module")
def allowing(tmp_path_factory) -> Iterator[str]:
    """A server that may reach its own network."""
    folder = tmp_path_factory.mktemp("webhooks")
    environment = {"EVERTHREAD_SERVER_PRIVATE_WEBHOOKS": "true"}
    server = Server(command(folder / "memory.db", "scripted:echo"), folder / "log.txt", environment)
    yield server.url
    server.stop()


async def test_a_webhook_is_told_how_each_kind_of_run_ended(allowing, listener):
    hook = f"{listener.url}/hook?for=me"
    async with get_client(url=allowing) as client:
        thread = (await client.threads.create())["thread_id"]
        run = await client.runs.create(thread, CHAT, input=said("one"), webhook=hook)
        told = listener.next()
        assert (told["path"], told["run_id"]) == ("/hook?for=me", run["run_id"])
        assert (told["thread_id"], told["status"]) == (thread, "success")
        assert texts(told["values"]) == ["one"]
        await client.runs.wait(thread, CHAT, input=said("two"), webhook=hook)
        assert texts(listener.next()["values"]) == ["one", "two"]
        async for _ in client.runs.stream(thread, CHAT, input=said("three"), webhook=hook):
            pass
        assert texts(listener.next()["values"]) == ["one", "two", "three"]
        await client.runs.wait(None, CHAT, input=said("alone"), webhook=hook)
        assert texts(listener.next()["values"]) == ["alone"]
    assert listener.told.empty()


async def test_a_delivery_that_failed_is_tried_again(allowing, listener):
    listener.refuses = 1
    async with get_client(url=allowing) as client:
        thread = (await client.threads.create())["thread_id"]
        await client.runs.wait(thread, CHAT, input=said("one"), webhook=f"{listener.url}/hook")
    first, second = listener.next(), listener.next()
    assert first["run_id"] == second["run_id"]


async def test_a_webhook_is_not_led_elsewhere(allowing, listener):
    listener.moves = True
    async with get_client(url=allowing) as client:
        thread = (await client.threads.create())["thread_id"]
        await client.runs.wait(thread, CHAT, input=said("one"), webhook=f"{listener.url}/hook")
    # All deliveries went to where they were meant to go.
    assert {listener.next()["path"] for _ in range(3)} == {"/hook"}


async def test_nothing_is_told_where_it_is_not_allowed(client, listener):
    for host in (listener.url, listener.url.replace("127.0.0.1", "localhost")):
        thread = (await client.threads.create())["thread_id"]
        for begin in (client.runs.create, client.runs.wait):
            with pytest.raises(Exception, match="Webhook host blocked"):
                await begin(thread, CHAT, input=said("one"), webhook=f"{host}/hook")
        assert await client.runs.list(thread) == []
    assert listener.told.empty()
