"""What the server's page tells people to run, run as it stands there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from servers import REPOSITORY

SNIPPETS = REPOSITORY / "crates" / "server" / "src" / "home"
LIMIT_SECONDS = 60


def run(command: list[str], url: str) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        env={**os.environ, "EVERTHREAD_URL": url},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.reference_deviates("has no search")
def test_curl(url):
    said = run(["bash", "-e", str(SNIPPETS / "curl.sh")], url)
    assert "My name is Anna." in said and '"hits"' in said


def test_python(url):
    assert "Anna" in run([sys.executable, str(SNIPPETS / "python.py")], url)


@pytest.mark.reference_deviates("speaks no protocol but its own")
def test_openai(url):
    assert "Anna" in run([sys.executable, str(SNIPPETS / "openai_sdk.py")], url)


def test_the_page_shows_them(url):
    page = run(["curl", "-fsS", f"{url}/"], url)
    for snippet in sorted(Path(SNIPPETS).glob("*.*")):
        if snippet.suffix != ".html":
            first = snippet.read_text().splitlines()[0]
            assert first in page, snippet.name
