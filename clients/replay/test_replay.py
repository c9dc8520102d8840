"""Replays what was recorded, case by case, each against a server of its own."""

import pytest
from differences import differences
from fixture import cases
from matching import Mismatch
from player import Player
from servers import Server, binary

used: set[str] = set()


@pytest.fixture
def url(request, tmp_path):
    given = request.config.getoption("--url")
    if given:
        yield given
        return
    command = [str(binary("replay_server")), f"sqlite:{tmp_path / 'memory.db'}"]
    server = Server(command, tmp_path / "log.txt")
    yield server.url
    server.stop()


@pytest.mark.parametrize("case", cases())
def test_case(case, url, request):
    against_reference = request.config.getoption("--reference")

    def meant(mismatch: Mismatch) -> list[str]:
        return [difference.name for difference in differences() if difference.holds(mismatch)]

    unexplained = []
    for mismatch in Player(url, lambda one: not against_reference and bool(meant(one))).play(cases()[case]):
        used.update(meant(mismatch))
        if against_reference or not meant(mismatch):
            unexplained.append(str(mismatch))
    assert not unexplained, "\n" + "\n".join(unexplained)


def test_every_listed_difference_is_still_one(request):
    """Comes last: what no case needed is to be taken off the list."""
    everything = len(request.session.items) >= len(cases()) + 1
    if not everything or request.config.getoption("--reference"):
        pytest.skip("not all cases were played against this product")
    assert {difference.name for difference in differences()} == used
