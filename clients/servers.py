"""Starts the built server for a suite, on a port of its own, and stops it again."""

import os
import re
import signal
import subprocess
import threading
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
START_SECONDS = 30
ADDRESS = re.compile(r"http://(127\.0\.0\.1:\d+)")


def binary(name: str = "everthread") -> Path:
    """The built binary, or the example `name`. `EVERTHREAD_BIN` names another `everthread`."""
    if name == "everthread" and "EVERTHREAD_BIN" in os.environ:
        return Path(os.environ["EVERTHREAD_BIN"])
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    folder = target / "debug" if name == "everthread" else target / "debug" / "examples"
    return folder / name


def command(storage: Path, model: str, listen: str = "127.0.0.1:0") -> list[str]:
    """How the product's server is started."""
    return [str(binary()), "serve", "--listen", listen, "--model", model, "--storage", f"sqlite:{storage}"]


class Server:
    """A running server. Its output is kept in a file, for the message when something fails."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str] | None = None):
        self.log = log
        self._ready = threading.Event()
        self.url = ""
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "NO_COLOR": "1", **(environment or {})},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(START_SECONDS) or not self.url:
            self.kill()
            raise RuntimeError(f"{' '.join(command)} did not say where it listens:\n{log.read_text()}")

    def _read(self) -> None:
        with self.log.open("a") as kept:
            for line in self.process.stdout:
                kept.write(line)
                kept.flush()
                address = ADDRESS.search(line)
                if address and not self.url:
                    self.url = f"http://{address[1]}"
                    self._ready.set()
        self._ready.set()

    def kill(self) -> None:
        """As a power cut would: no chance to tidy up."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As an operator would: runs may finish first."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"the server did not stop within 30 s of {how.name}") from None
        finally:
            self._reader.join(5)
