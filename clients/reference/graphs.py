"""Graphs for the reference server (`langgraph dev`) that answer as Everthread's own graphs do.

`chat` and `review` stand for the built-in graphs, `agent`, `parent` and `tooler` for those of the example
`replay_server` (see ../replay/GRAPHS.md). A suite that passes here and fails there has found a fault of ours.
"""

import asyncio
import operator
import os
import re
from typing import Annotated, Any, AsyncIterator, TypedDict

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, message_chunk_to_message
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import interrupt

SLOW = os.environ.get("REFERENCE_MODEL") == "scripted:slow"
# Three times as long as `scripted:slow`: the reference takes up to a second until a run begins.
SECONDS_A_TOKEN = 0.06


def last_text(messages: list[AnyMessage]) -> str:
    return messages[-1].text if messages else ""


class Scripted(BaseChatModel):
    """Streams what `say` makes of the last message, word by word, as `scripted:echo` and `scripted:slow` do."""

    prefix: str = "You said: "
    length: int = 200
    slow: bool = False

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def say(self, messages: list[AnyMessage]) -> str:
        question = last_text(messages)
        if not self.length:
            return self.prefix + question
        again = (question or "nothing") + " "
        return (self.prefix + again * self.length)[: self.length]

    def _generate(self, messages, stop=None, run_manager=None, **_: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self.say(messages)))])

    async def _agenerate(self, messages, stop=None, run_manager=None, **_: Any) -> ChatResult:
        if self.slow:
            await asyncio.sleep(SECONDS_A_TOKEN * len(self.say(messages).split()))
        return self._generate(messages)

    async def _astream(
        self, messages, stop=None, run_manager=None, **_: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for word in re.findall(r"\S+ ?", self.say(messages)):
            if self.slow:
                await asyncio.sleep(SECONDS_A_TOKEN)
            chunk = ChatGenerationChunk(message=AIMessageChunk(word))
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk


class ChatState(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    summary: str
    summarized_until: str


def chat_graph():
    model = Scripted(slow=SLOW)

    async def chat(state: ChatState) -> ChatState:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(ChatState)
    builder.add_node("chat", chat)
    builder.add_edge(START, "chat")
    builder.add_edge("chat", END)
    return builder.compile()


class ReviewState(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    draft: str


def review_graph():
    model = Scripted(slow=SLOW)

    async def draft(state: ReviewState) -> ReviewState:
        return {"draft": (await model.ainvoke(state["messages"])).text}

    def review(state: ReviewState) -> ReviewState:
        answer = interrupt({"question": "May this reply be sent?", "draft": {"content": state["draft"]}})
        edited = answer.get("content") if isinstance(answer, dict) else None
        return {"messages": [AIMessage(edited or state["draft"])]}

    builder = StateGraph(ReviewState)
    builder.add_node("draft", draft)
    builder.add_node("review", review)
    builder.add_edge(START, "draft")
    builder.add_edge("draft", "review")
    builder.add_edge("review", END)
    return builder.compile()


class AgentState(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    log: Annotated[list[str], operator.add]


class Echo(Scripted):
    """`echo: ` and the question, in three tokens when the question is one word."""

    prefix: str = "echo: "
    length: int = 0

    async def _astream(self, messages, stop=None, run_manager=None, **_: Any):
        words = self.say(messages).split(" ")
        tokens = [part for i, word in enumerate(words) for part in ([" ", word] if i else [word])]
        for index, token in enumerate(tokens):
            last = "last" if index == len(tokens) - 1 else None
            chunk = ChatGenerationChunk(message=AIMessageChunk(token, chunk_position=last))
            if run_manager:
                await run_manager.on_llm_new_token(token, chunk=chunk)
            yield chunk


def agent_builder() -> StateGraph:
    model = Echo()

    async def agent(state: AgentState) -> AgentState:
        get_stream_writer()({"progress": "thinking"})
        text = last_text(state.get("messages", []))
        if text in ("", "boom"):
            raise ValueError("scripted failure")
        if text.startswith("sleep "):
            await asyncio.sleep(float(text.removeprefix("sleep ")))
        return {"messages": [await model.ainvoke(state["messages"])], "log": ["agent"]}

    def gate(state: AgentState) -> AgentState:
        if "approve" in last_text(state.get("messages", [])):
            return {"log": [f"gate:{interrupt({'question': 'ok to finish?'})}"]}
        return {"log": ["gate"]}

    builder = StateGraph(AgentState)
    builder.add_node("agent", agent)
    builder.add_node("gate", gate)
    builder.add_edge(START, "agent")
    builder.add_edge("agent", "gate")
    builder.add_edge("gate", END)
    return builder


def parent_graph():
    builder = StateGraph(AgentState)
    builder.add_node("before", lambda _: {"log": ["before"]})
    builder.add_node("child", agent_builder().compile())
    builder.add_edge(START, "before")
    builder.add_edge("before", "child")
    builder.add_edge("child", END)
    return builder.compile()


@tool
def lookup(q: str) -> str:
    """Looks something up."""
    return f"found 42 for {q}"


class Caller(Scripted):
    """Calls `lookup` once, then says what came of it."""

    def chunks(self, messages: list[AnyMessage]) -> list[AIMessageChunk]:
        if messages[-1].type == "tool":
            end = AIMessageChunk(
                "",
                response_metadata={"finish_reason": "stop", "model_name": "fake-1"},
                usage_metadata={"input_tokens": 10, "output_tokens": 4, "total_tokens": 14},
            )
            return [*map(AIMessageChunk, ("The ", "answer ", "is ", "42.")), end]
        call = {"name": "lookup", "args": "", "id": "call_1", "index": 0}
        more = {"name": None, "id": None, "index": 0}
        return [
            AIMessageChunk("Let me check. "),
            AIMessageChunk("", tool_call_chunks=[call]),
            AIMessageChunk("", tool_call_chunks=[{**more, "args": '{"q": '}]),
            AIMessageChunk("", tool_call_chunks=[{**more, "args": '"life"}'}]),
        ]

    async def _astream(self, messages, stop=None, run_manager=None, **_: Any):
        for message in self.chunks(messages):
            chunk = ChatGenerationChunk(message=message)
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk


class ToolState(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]


def tooler_graph():
    model = Caller()

    async def call(state: ToolState) -> ToolState:
        answer = None
        async for chunk in model.astream(state["messages"]):
            answer = chunk if answer is None else answer + chunk
        return {"messages": [message_chunk_to_message(answer)]}

    builder = StateGraph(ToolState)
    builder.add_node("model", call)
    builder.add_node("tools", ToolNode([lookup]))
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", tools_condition)
    builder.add_edge("tools", "model")
    return builder.compile()


chat = chat_graph()
review = review_graph()
agent = agent_builder().compile()
parent = parent_graph()
tooler = tooler_graph()
