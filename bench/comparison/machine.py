"""What this machine is, and how busy others keep it."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
FSYNC_SAMPLES = 300
PAGE = b"\x07" * 4096
QUIET_CORES = 0.25


@dataclass(frozen=True)
class Shape:
    """All that the report says of the machine; no names, no paths."""

    cores: int
    memory_gib: float
    kernel: str
    fsync_append_ms: float
    fsync_overwrite_ms: float


def describe(work: Path) -> Shape:
    """The machine, with the fsync time of the disk under `work`."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    append, overwrite = fsync_ms(work)
    # The kernel's own number: what follows it names a vendor's build.
    kernel = f"{platform.system()} {platform.release().split('-')[0]}"
    return Shape(len(os.sched_getaffinity(0)), round(memory / 2**30, 1), kernel, append, overwrite)


def fsync_ms(work: Path) -> tuple[float, float]:
    """Medians of an fsync after 4 KB: appended, and written over what is there."""
    path = work / "fsync.bin"
    with path.open("wb", buffering=0) as file:
        append = [fsync_once(file.fileno(), index) for index in range(FSYNC_SAMPLES)]
        overwrite = [fsync_once(file.fileno(), index) for index in range(FSYNC_SAMPLES)]
    path.unlink()
    return round(statistics.median(append), 3), round(statistics.median(overwrite), 3)


def fsync_once(file: int, page: int) -> float:
    """Milliseconds of one."""
    os.pwrite(file, PAGE, page * len(PAGE))
    start = time.perf_counter()
    os.fsync(file)
    return (time.perf_counter() - start) * 1e3


def busy_s() -> float:
    """Processor seconds that the whole machine has spent since it started."""
    user, nice, system, _idle, _wait, irq, soft_irq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + soft_irq) / TICKS_PER_S


def own_s() -> float:
    """Processor seconds of the children that were waited for, and of this process."""
    children, own = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
    return children.ru_utime + children.ru_stime + own.ru_utime + own.ru_stime


class Background:
    """Cores that others kept busy while something ran."""

    def __init__(self) -> None:
        self.start, self.busy, self.own = time.monotonic(), busy_s(), own_s()

    def cores(self) -> float:
        """The mean since this was made."""
        elapsed = max(time.monotonic() - self.start, 1e-3)
        return round(max(0.0, (busy_s() - self.busy - (own_s() - self.own)) / elapsed), 2)


def wait_until_quiet(patience_s: float) -> None:
    """Returns once the machine is quiet, or when patience ends."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        background = Background()
        time.sleep(1)
        if background.cores() < QUIET_CORES:
            return
