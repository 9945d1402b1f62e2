import pytest

from windsock.tail import LIMIT, Tail


def test_what_fits_is_kept_as_it_is() -> None:
    tail = Tail()
    for text in ("one\n", "", "two"):
        tail.write(text)
    assert tail.text() == "one\ntwo"


def test_a_line_begins_on_a_line_of_its_own() -> None:
    tail = Tail()
    tail.line("first")
    tail.write("dots...")
    tail.line("last")
    assert tail.text() == "first\ndots...\nlast\n"


@pytest.mark.parametrize("width", [1, 80, 1_000, 3 * LIMIT])
def test_of_more_the_last_part_is_kept(width: int) -> None:
    tail = Tail()
    for number in range(5 * LIMIT // width + 2):
        tail.line(f"{number:0{width}}")
    text = tail.text()
    assert LIMIT // 2 < len(text.encode()) <= LIMIT
    assert text.startswith("[...]\n")
    assert text.endswith(f"{number}\n")


def test_it_begins_with_a_whole_line_where_there_is_one() -> None:
    tail = Tail()
    for number in range(10_000):
        tail.line(f"line {number}")
    mark, first, *_ = tail.text().splitlines()
    assert (mark, first.startswith("line ")) == ("[...]", True)


def test_the_limit_counts_bytes_and_cuts_no_character() -> None:
    tail = Tail()
    tail.write("ü" * LIMIT)
    text = tail.text()
    assert len(text.encode()) <= LIMIT
    assert set(text.removeprefix("[...]\n")) == {"ü"}


def test_half_a_character_is_no_error() -> None:
    tail = Tail()
    tail.write("\udc80")
    assert tail.text() == "?"
