"""The page that tells people of the differences is the one that the suite goes by."""

from compatibility import PAGE, page


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == page(), "run: python clients/replay/compatibility.py"
