"""One server that answers at once and one that takes about two seconds, for all tests of this folder.

`--url` and `--slow-url` name servers that run already; with `--reference` they are the reference server's, and tests
that are marked as deviating are expected to fail.
"""

import uuid
from typing import AsyncIterator, Iterator

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from servers import Server, command


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--url", help="a running server with the model scripted:echo")
    parser.addoption("--slow-url", help="a running server with the model scripted:slow")
    parser.addoption("--reference", action="store_true", help="these servers are the reference's")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        deviation = item.get_closest_marker("reference_deviates")
        if deviation and config.getoption("--reference"):
            item.add_marker(pytest.mark.xfail(reason=deviation.args[0], strict=False))


def served(request: pytest.FixtureRequest, tmp_path_factory, option: str, model: str) -> Iterator[str]:
    given = request.config.getoption(option)
    if given:
        yield given
        return
    folder = tmp_path_factory.mktemp("server")
    server = Server(command(folder / "memory.db", model), folder / "log.txt")
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def url(request, tmp_path_factory) -> Iterator[str]:
    """Where the server listens whose model answers at once."""
    yield from served(request, tmp_path_factory, "--url", "scripted:echo")


@pytest.fixture(scope="session")
def slow_url(request, tmp_path_factory) -> Iterator[str]:
    """Where the server listens whose model takes about two seconds to answer `a`."""
    yield from served(request, tmp_path_factory, "--slow-url", "scripted:slow")


@pytest.fixture
async def client(url: str) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=url) as client:
        yield client


@pytest.fixture
async def slow(slow_url: str) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=slow_url) as client:
        yield client


@pytest.fixture
def mark() -> str:
    """A value that no other test uses, to search for."""
    return uuid.uuid4().hex
