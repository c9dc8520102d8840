"""The differences from the reference server that are meant, each with its reason, from `differences.json`.

An entry holds for a mismatch when all of its patterns do: `route` and `case` (as in a shell), `where` (a regular
expression for the place in the answer) and, if given, `kind` and `exchanges`.
"""

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from matching import Mismatch

LISTED = Path(__file__).with_name("differences.json")


@dataclass(frozen=True)
class Difference:
    """One thing in which this server is meant to be otherwise."""

    name: str
    why: str
    where: str
    route: str = "*"
    case: str = "*"
    kind: str = ""
    # The numbers of the exchanges that it is about; all of them when empty.
    exchanges: tuple[int, ...] = ()

    def holds(self, mismatch: Mismatch) -> bool:
        """Whether it explains the mismatch."""
        return (
            fnmatchcase(mismatch.route, self.route)
            and fnmatchcase(mismatch.case, self.case)
            and re.fullmatch(self.where, mismatch.where) is not None
            and self.kind in ("", mismatch.kind)
            and (not self.exchanges or mismatch.number in self.exchanges)
        )


@cache
def differences() -> tuple[Difference, ...]:
    """All of them, in their order in the file."""
    return tuple(Difference(**entry) for entry in json.loads(LISTED.read_text()))
