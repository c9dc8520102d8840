"""A client of the Model Context Protocol."""

import httpx
import pytest
from mcp.client import Client
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client


def said(result) -> dict:
    assert not result.is_error, result.content
    return result.structured_content


async def test_tools(url, mark):
    body = {"messages": [{"role": "user", "content": f"My dog is {mark}."}], "user": mark}
    httpx.post(f"{url}/v1/chat/completions", json=body).raise_for_status()
    async with Client(f"{url}/mcp") as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert names == {"search_conversations", "read_conversation", "remember", "recall"}
        found = said(await client.call_tool("search_conversations", {"query": mark}))
        assert mark in {hit["conversation"] for hit in found["messages"]}
        read = said(await client.call_tool("read_conversation", {"conversation": mark}))
        assert read["messages"][0]["text"] == f"My dog is {mark}."
        kept = said(await client.call_tool("remember", {"text": f"Call {mark} back", "key": mark}))
        assert kept["key"] == mark
        recalled = said(await client.call_tool("recall", {"key": mark}))
        assert recalled["items"][0]["value"]["text"] == f"Call {mark} back"
        wrong = await client.call_tool("recall", {"key": "nothing has this name"})
        assert wrong.is_error


@pytest.mark.parametrize("name", ["nobody", "somebody"])
async def test_the_older_handshake(url, name):
    async with streamable_http_client(f"{url}/mcp") as streams:
        async with ClientSession(streams[0], streams[1]) as session:
            info = await session.initialize()
            assert info.server_info.name == "everthread"
            result = await session.call_tool("recall", {"key": name})
            assert result.is_error
