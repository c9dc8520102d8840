"""Compares an answer with the recorded one: the same fields, the same values, the same ids in the same places.

A field that the recorded answer does not have is no difference: clients pass over what they do not know.
"""

import re
from dataclasses import dataclass
from typing import Any

from alignment import aligned_events

PLACEHOLDER = re.compile(r"<(\w+:\d+|time|text|any)>")
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00|Z)"


@dataclass(frozen=True)
class Mismatch:
    """One thing that is not as it was recorded."""

    number: int
    case: str
    route: str
    # Where in the answer, such as `body.tasks[0].path` or `events[2].values.messages[1].id`.
    where: str
    # missing, differs, length or sequence.
    kind: str
    expected: Any
    actual: Any

    def __str__(self) -> str:
        return (
            f"#{self.number} {self.route}: {self.where} {self.kind}: "
            f"recorded {short(self.expected)}, is {short(self.actual)}"
        )


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "…"


class Unbound(Exception):
    """A request needs an id that no answer gave."""


class Ids:
    """What the placeholders of a case stand for in this run."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}

    def fill(self, value: Any) -> Any:
        """A request with ids of this run."""
        if isinstance(value, str):
            return PLACEHOLDER.sub(self._one, value)
        if isinstance(value, list):
            return [self.fill(each) for each in value]
        if isinstance(value, dict):
            return {self.fill(key): self.fill(each) for key, each in value.items()}
        return value

    def _one(self, found: re.Match) -> str:
        if found[0] not in self._given:
            raise Unbound(found[0])
        return self._given[found[0]]

    def matches(self, expected: str, actual: str) -> bool:
        """Whether a text is as recorded; ids that are met for the first time are remembered."""
        names: list[str] = []
        pattern, end = "", 0
        for found in PLACEHOLDER.finditer(expected):
            pattern += re.escape(expected[end : found.start()])
            end = found.end()
            if found[1] == "time":
                pattern += TIME
            elif found[1] in ("text", "any"):
                pattern += ".+"
            elif found[0] in self._given:
                pattern += re.escape(self._given[found[0]])
            elif found[0] in names:
                pattern += f"(?P=id{names.index(found[0])})"
            else:
                pattern += f"(?P<id{len(names)}>[^|/]+?)"
                names.append(found[0])
        matched = re.fullmatch(pattern + re.escape(expected[end:]), actual, re.DOTALL)
        if not matched:
            return False
        for index, name in enumerate(names):
            self._given[name] = matched[f"id{index}"]
        return True


class Comparison:
    """Collects what differs in one exchange."""

    def __init__(self, exchange, ids: Ids) -> None:
        self.exchange = exchange
        self.ids = ids
        self.found: list[Mismatch] = []

    def differs(self, where: str, kind: str, expected: Any, actual: Any) -> None:
        one = self.exchange
        self.found.append(Mismatch(one.number, one.case, one.route, where, kind, expected, actual))

    def value(self, where: str, expected: Any, actual: Any) -> None:
        """Compares two JSON values."""
        if expected == "<any>":
            return
        if isinstance(expected, dict) and isinstance(actual, dict):
            self._object(where, expected, actual)
        elif isinstance(expected, list) and isinstance(actual, list):
            if len(expected) != len(actual):
                self.differs(where, "length", expected, actual)
            for index, (one, other) in enumerate(zip(expected, actual)):
                self.value(f"{where}[{index}]", one, other)
        elif isinstance(expected, str) and isinstance(actual, str):
            if not self.ids.matches(expected, actual):
                self.differs(where, "differs", expected, actual)
        elif type(expected) is not type(actual) or expected != actual:
            self.differs(where, "differs", expected, actual)

    def _object(self, where: str, expected: dict, actual: dict) -> None:
        for key, one in expected.items():
            named = key
            if PLACEHOLDER.search(key):
                named = next((own for own in actual if self.ids.matches(key, own)), key)
            if named in actual:
                self.value(f"{where}.{key}", one, actual[named])
            else:
                self.differs(f"{where}.{key}", "missing", one, None)

    def events(self, expected: list[dict], actual: list[dict]) -> None:
        """Compares two streams: first the order of their events, then each with its like."""
        expected, actual = aligned_events(expected, actual)
        names = [event["event"] for event in expected]
        # `end` says only that the stream is over.
        actual = [event for event in actual if event["event"] != "end"]
        seen = [event["event"] for event in actual]
        if len(names) != len(seen) or not all(map(self.ids.matches, names, seen)):
            self.differs("events", "sequence", names, seen)
        for index, event in enumerate(expected):
            same = self._nth(event["event"], names[:index], actual)
            if same is None:
                continue
            self.value(f"events[{index}].{event['event'].split('|')[0]}", event.get("data"), same.get("data"))
            if "id" in event:
                self.value(f"events[{index}].id", event["id"], same.get("id"))

    def _nth(self, name: str, before: list[str], actual: list[dict]) -> dict | None:
        like = [event for event in actual if self.ids.matches(name, event["event"])]
        at = before.count(name)
        return like[at] if at < len(like) else None
