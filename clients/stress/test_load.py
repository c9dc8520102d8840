"""Five hundred open streams, two thousand conversations and a mixed load: no error but the documented ones, and the
server does not grow. Half a minute; ten minutes with EVERTHREAD_LONG=1."""

import asyncio
import os
import time

import aiohttp
from load import Memory, Tally, Watcher, Worker, as_line, talks
from servers import Server, command

STREAMS = 500
TALKS = 2_000
WORKERS = 16
IS_LONG = bool(os.environ.get("EVERTHREAD_LONG"))
SECONDS = 600 if IS_LONG else 30
# From when on the server's memory may no longer grow, and by how much: in half a minute caches still fill.
SETTLED_SECONDS, MAY_GROW = (120, 1.1) if IS_LONG else (15, 1.3)
PATIENCE_SECONDS = 60
MIB = 1 << 20


async def test_a_mixed_load(tmp_path, capsys):
    server = Server(command(tmp_path / "memory.db", "scripted:echo"), tmp_path / "log.txt")
    try:
        report = await loaded(server)
    finally:
        server.stop()
    with capsys.disabled():
        print(f"\n{as_line(report)}")


async def loaded(server: Server) -> dict:
    tally, memory = Tally(), Memory(server.process.pid)
    async with aiohttp.ClientSession(
        server.url,
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=PATIENCE_SECONDS, sock_read=PATIENCE_SECONDS),
    ) as http:
        all_talks = await talks(http, TALKS)
        watchers = [Watcher(http, talk) for talk in all_talks[:STREAMS]]
        for watcher in watchers:
            await watcher.open()
        sampling = asyncio.create_task(memory.watch())
        until = time.monotonic() + SECONDS
        workers = [Worker(http, all_talks, tally, seed) for seed in range(WORKERS)]
        await asyncio.gather(*[worker.work(until) for worker in workers])
        sampling.cancel()

        assert not tally.wrong, f"{len(tally.wrong)} errors, the first: {tally.wrong[:5]}"
        cut = [watcher.ended for watcher in watchers if watcher.ended]
        assert not cut, f"{len(cut)} streams did not stay open: {cut[:3]}"
        # Each was told of runs, or at least that the server is still there.
        assert all(watcher.received_bytes for watcher in watchers)
        async with http.get("/metrics") as metrics:
            assert of_metric(await metrics.text(), "everthread_open_streams") == STREAMS
        for watcher in watchers:
            await watcher.leave()

    width = SECONDS / 20
    settled = memory.around(SETTLED_SECONDS, width)
    last = memory.around(SECONDS - width, width)
    assert last <= settled * MAY_GROW, f"memory went from {settled / MIB:.1f} to {last / MIB:.1f} MiB"
    return {
        "seconds": SECONDS,
        "streams": STREAMS,
        "conversations": TALKS,
        **tally.report(SECONDS),
        "memory_settled_mib": round(settled / MIB, 1),
        "memory_last_mib": round(last / MIB, 1),
    }


def of_metric(metrics: str, name: str) -> float:
    return next(float(line.split()[1]) for line in metrics.splitlines() if line.startswith(f"{name} "))
