"""OpenAI's own client: chat completions, responses, conversations, models."""

import json
import uuid

import openai
import pytest
from openai import OpenAI
from servers import Server, command
from talk import SLOW_QUESTION


def connect(url: str) -> OpenAI:
    return OpenAI(base_url=f"{url}/v1", api_key="none")


@pytest.fixture
def fast(url: str) -> OpenAI:
    return connect(url)


@pytest.fixture
def slow_openai(slow_url: str) -> OpenAI:
    return connect(slow_url)


@pytest.fixture(scope="module")
def tooled(tmp_path_factory):
    """A server whose model calls tools."""
    folder = tmp_path_factory.mktemp("tools")
    server = Server(command(folder / "memory.db", "scripted:tools"), folder / "log.txt")
    yield connect(server.url)
    server.stop()


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def items(client: OpenAI, conversation: str) -> list[str]:
    """What was said in a conversation, oldest first."""
    return [item.content[0].text for item in client.conversations.items.list(conversation, order="asc")]


def test_models(fast):
    names = [model.id for model in fast.models.list()]
    assert fast.models.retrieve(names[0]).id == names[0]
    with pytest.raises(openai.NotFoundError) as error:
        fast.models.retrieve("gpt-9")
    assert error.value.code == "model_not_found"


def test_completion(fast):
    reply = fast.chat.completions.create(model="chat", messages=[user("hello")])
    assert reply.choices[0].message.content.startswith("You said: hello")
    assert reply.choices[0].finish_reason == "stop"


def test_streamed_completion(slow_openai):
    pieces = []
    with slow_openai.chat.completions.stream(model="chat", messages=[user(SLOW_QUESTION)]) as stream:
        for event in stream:
            if event.type == "content.delta":
                pieces.append(event.delta)
        whole = stream.get_final_completion()
    assert len(pieces) > 20
    assert whole.choices[0].message.content == "".join(pieces)


async def test_a_conversation_is_everybodys(fast, client):
    name = uuid.uuid4().hex
    history = [user("one")]
    reply = fast.chat.completions.create(model="chat", messages=history, metadata={"conversation_id": name})
    history += [reply.choices[0].message.model_dump(include={"role", "content"}), user("two")]
    fast.chat.completions.create(model="chat", messages=history, metadata={"conversation_id": name})
    state = await client.threads.get_state(name)
    assert [m["content"] for m in state["values"]["messages"] if m["type"] == "human"] == ["one", "two"]
    await client.runs.wait(name, "chat", input={"messages": [user("three")]})
    fast.responses.create(model="chat", input="four", conversation=name)
    assert items(fast, name)[::2] == ["one", "two", "three", "four"]
    assert name in [one["id"] for one in fast.get("/conversations", cast_to=object)["data"]]


def test_an_edited_history_forks(fast):
    name = {"conversation_id": uuid.uuid4().hex}
    history = []
    for text in ["one", "two"]:
        history.append(user(text))
        reply = fast.chat.completions.create(model="chat", messages=history, metadata=name)
        history.append({"role": "assistant", "content": reply.choices[0].message.content})
    fast.chat.completions.create(model="chat", messages=history[:2] + [user("zwei")], metadata=name)
    assert items(fast, name["conversation_id"])[::2] == ["one", "zwei"]


def test_response(fast):
    first = fast.responses.create(model="chat", input="one", instructions="Be kind.")
    assert first.status == "completed" and first.output_text.startswith("You said: one")
    second = fast.responses.create(model="chat", input="two", previous_response_id=first.id)
    assert fast.responses.retrieve(second.id).output_text == second.output_text
    given = fast.responses.input_items.list(second.id)
    assert [item.content[0].text for item in given] == ["two"]
    fast.responses.delete(second.id)
    with pytest.raises(openai.NotFoundError):
        fast.responses.retrieve(second.id)
    with pytest.raises(openai.BadRequestError) as error:
        fast.responses.create(model="chat", input="x", previous_response_id=second.id)
    assert error.value.code == "previous_response_not_found"


def test_streamed_response(slow_openai):
    with slow_openai.responses.stream(model="chat", input=SLOW_QUESTION) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        response = stream.get_final_response()
    assert len(deltas) > 20
    assert response.output_text == "".join(deltas)
    assert slow_openai.responses.retrieve(response.id).output_text == response.output_text


def test_background_response(slow_openai):
    made = slow_openai.responses.create(model="chat", input=SLOW_QUESTION, background=True)
    assert made.status == "in_progress"
    with slow_openai.responses.stream(response_id=made.id) as stream:
        whole = stream.get_final_response()
    assert whole.output_text and whole.id == made.id
    with slow_openai.responses.stream(response_id=made.id, starting_after=3) as stream:
        assert [event.sequence_number for event in stream][0] == 4
    made = slow_openai.responses.create(model="chat", input=SLOW_QUESTION, background=True)
    assert slow_openai.responses.cancel(made.id).status == "cancelled"


def test_conversation(fast):
    made = fast.conversations.create(metadata={"topic": "x"}, items=[user("zero")])
    assert fast.conversations.retrieve(made.id).metadata == {"topic": "x"}
    assert fast.conversations.update(made.id, metadata={"topic": "y"}).metadata == {"topic": "y"}
    fast.responses.create(model="chat", input="one", conversation=made.id)
    added = fast.conversations.items.create(made.id, items=[user("two")])
    assert items(fast, made.id)[0] == "zero"
    assert len(list(fast.conversations.items.list(made.id, limit=1))) == 4
    item = added.data[0].id
    assert fast.conversations.items.retrieve(item, conversation_id=made.id).content[0].text == "two"
    fast.conversations.items.delete(item, conversation_id=made.id)
    assert len(items(fast, made.id)) == 3
    assert fast.conversations.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        fast.conversations.retrieve(made.id)


WEATHER = {"name": "weather", "parameters": {"type": "object", "properties": {"text": {"type": "string"}}}}


def test_tools_in_completions(tooled, fast):
    tools = [{"type": "function", "function": WEATHER}]
    history = [user("Oslo?")]
    reply = tooled.chat.completions.create(model="chat", messages=history, tools=tools)
    call = reply.choices[0].message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"text": "Oslo?"}
    history += [reply.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "rain"}]
    reply = tooled.chat.completions.create(model="chat", messages=history, tools=tools)
    assert reply.choices[0].message.content.startswith("You said: rain")
    with pytest.raises(openai.BadRequestError) as error:
        fast.chat.completions.create(model="chat", messages=[user("x")], tools=tools)
    assert error.value.code == "tools_unsupported"


def test_tools_in_responses(tooled):
    tools = [{"type": "function", **WEATHER}]
    with tooled.responses.stream(model="chat", input="Oslo?", tools=tools) as stream:
        made = stream.get_final_response()
    call = made.output[0]
    assert (call.type, call.name) == ("function_call", "weather")
    answer = [{"type": "function_call_output", "call_id": call.call_id, "output": "rain"}]
    made = tooled.responses.create(model="chat", input=answer, previous_response_id=made.id, tools=tools)
    assert made.output_text.startswith("You said: rain")


def test_a_busy_conversation_is_not_asked_again(slow_openai):
    conversation = slow_openai.conversations.create()
    running = slow_openai.responses.create(
        model="chat", input=SLOW_QUESTION, conversation=conversation.id, background=True
    )
    with pytest.raises(openai.ConflictError) as error:
        slow_openai.responses.create(model="chat", input="x", conversation=conversation.id)
    assert error.value.response.headers["x-should-retry"] == "false"
    slow_openai.responses.cancel(running.id)
