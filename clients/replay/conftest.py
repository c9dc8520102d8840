"""`--url` names a server that runs already: this product's, or with `--reference` the one that was recorded."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--url", help="a running server with the graphs of GRAPHS.md")
    parser.addoption("--reference", action="store_true", help="it is the reference: nothing may differ")
