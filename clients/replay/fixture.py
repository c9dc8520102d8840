"""The recorded exchanges: what real clients asked the reference server, and what it answered.

`exchanges.jsonl` holds an exchange a line, in the order in which they began. A part that occurs several times is kept
once, in a line of its own; `"$7"` stands for it. Ids and times of an answer are placeholders: `<thread:1>` is the first
thread of its case, and the same wherever it occurs; `<time>`, `<text>` and `<any>` are what they say.
"""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).with_name("exchanges.jsonl")


@dataclass(frozen=True)
class Exchange:
    """One request and the answer that it got."""

    number: int
    case: str
    client: str
    request: dict[str, Any]
    response: dict[str, Any]
    # Others took place while this one was under way: a stream that was open.
    meanwhile: bool = False
    # The answer came to be a moment later: it is asked for again until it is so.
    eventually: bool = False
    # The runs' path and the run that is under way before the next exchange begins.
    then_running: list[str] = field(default_factory=list)

    @property
    def route(self) -> str:
        """The method and the path, without ids and query: `GET /threads/*/state`."""
        path = self.request["path"].split("?")[0]
        parts = ["*" if "<" in part or len(part) == 36 else part for part in path.split("/")]
        return f"{self.request['method']} {'/'.join(parts)}"


def expand(value: Any, parts: dict[str, Any]) -> Any:
    """The value with every part in its place."""
    if isinstance(value, str):
        return parts.get(value, value)
    if isinstance(value, list):
        return [expand(each, parts) for each in value]
    if isinstance(value, dict):
        return {key: expand(each, parts) for key, each in value.items()}
    return value


@cache
def exchanges() -> tuple[Exchange, ...]:
    """All of them."""
    parts: dict[str, Any] = {}
    found = []
    for line in RECORDED.read_text().splitlines():
        row = json.loads(line)
        if "part" in row:
            parts[row["part"]] = expand(row["is"], parts)
            continue
        found.append(
            Exchange(
                number=row["n"],
                case=row["case"],
                client=row["client"],
                request=expand(row["request"], parts),
                response=expand(row["response"], parts),
                meanwhile=row.get("meanwhile", False),
                eventually=row.get("eventually", False),
                then_running=row.get("then_running", []),
            )
        )
    return tuple(found)


def cases() -> dict[str, list[Exchange]]:
    """The exchanges that belong together, by name."""
    grouped: dict[str, list[Exchange]] = {}
    for exchange in exchanges():
        grouped.setdefault(exchange.case, []).append(exchange)
    return grouped
