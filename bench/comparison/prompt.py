"""How long `everthread chat` takes to its first prompt on a terminal, and what it holds in memory then."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from dataclasses import dataclass
from pathlib import Path

from .programs import Failed

LIMIT_S = 10.0
ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?<=>!]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>78cDEHMNOZ])")
PROMPT_ENDS = (">", "›", "❯", "»")
WHERE_IS_THE_CURSOR, AT_THE_TOP = b"\x1b[6n", b"\x1b[1;1R"


@dataclass(frozen=True)
class Start:
    """One start."""

    ms: float
    rss_bytes: int


def start(command: list[str], environment: dict[str, str]) -> Start:
    """Starts the program on a new terminal, waits for its prompt, and ends it. The clock runs from before the fork."""
    begun = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        try:
            os.execve(command[0], command, environment)
        finally:
            os._exit(127)
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        at = wait_for_prompt(terminal, begun + LIMIT_S)
        return Start((at - begun) * 1e3, resident_bytes(child))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def wait_for_prompt(terminal: int, deadline: float) -> float:
    """When the bytes came that end in a prompt."""
    shown = b""
    while (left := deadline - time.perf_counter()) > 0:
        if not select.select([terminal], [], [], left)[0]:
            break
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # the other side is closed: the program has ended
            raise Failed(f"it ended before a prompt; it had said: {readable(shown)[-300:]!r}") from None
        now = time.perf_counter()
        shown += chunk
        if WHERE_IS_THE_CURSOR in chunk:
            os.write(terminal, AT_THE_TOP)
        if ends_in_prompt(shown):
            return now
    raise Failed(f"no prompt after {LIMIT_S:.0f} s; it had said: {readable(shown)[-300:]!r}")


def ends_in_prompt(shown: bytes) -> bool:
    """Whether the last line looks like `you> `. An editor may end it by going back to its begin and forward again."""
    line = re.split(r"[\r\n]", readable(shown).rstrip("\r"))[-1]
    return line.endswith(" ") and line.rstrip().endswith(PROMPT_ENDS)


def readable(shown: bytes) -> str:
    """The text without colours and cursor movements."""
    return ESCAPES.sub(b"", shown).decode(errors="replace")


def resident_bytes(process: int) -> int:
    """Its memory now."""
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    if not found:
        raise Failed("it ended at its prompt")
    return int(found[1]) * 1024
