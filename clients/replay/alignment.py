"""Lays recorded checkpoints beside ours, of which there is one fewer a turn.

LangGraph makes a checkpoint when an input arrives and another when it is applied; Everthread makes one, that has the
input in it. The first of the two is known by what comes next, `__start__`; it is left out before lists are compared.
"""

from typing import Any


def is_arrival(value: Any) -> bool:
    """Whether this is the state (or the event of a checkpoint) of an input that has arrived, but is not applied."""
    if not isinstance(value, dict):
        return False
    if value.get("next") == ["__start__"]:
        return True
    return isinstance(value.get("payload"), dict) and is_arrival(value["payload"])


def aligned(expected: list, actual: list) -> tuple[list, list]:
    """Both lists without arrivals. A page that the recorded one was filled with is filled with older ones in ours."""
    if not any(map(is_arrival, expected)):
        return expected, actual
    expected = [each for each in expected if not is_arrival(each)]
    actual = [each for each in actual if not is_arrival(each)]
    return expected, actual[: len(expected)]


def aligned_events(expected: list[dict], actual: list[dict]) -> tuple[list[dict], list[dict]]:
    """Both streams without the events of arrivals."""
    kept = [event for event in expected if not is_arrival(event.get("data"))]
    return kept, [event for event in actual if not is_arrival(event.get("data"))]
