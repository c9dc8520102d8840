"""Lays the recorded streams of checkpoints beside ours, which have one fewer a turn.

LangGraph streams a checkpoint when an input arrives and another when it is applied. Everthread makes one of both; the
history shows the first all the same, the streams do not. It is known by what comes next, `__start__`.
"""

from typing import Any


def is_arrival(value: Any) -> bool:
    """Whether this is the state (or the event of a checkpoint) of an input that has arrived, but is not applied."""
    if not isinstance(value, dict):
        return False
    if value.get("next") == ["__start__"]:
        return True
    return isinstance(value.get("payload"), dict) and is_arrival(value["payload"])


def aligned_events(expected: list[dict], actual: list[dict]) -> tuple[list[dict], list[dict]]:
    """Both streams without the events of arrivals."""
    kept = [event for event in expected if not is_arrival(event.get("data"))]
    return kept, [event for event in actual if not is_arrival(event.get("data"))]
