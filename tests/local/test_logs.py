from pathlib import Path

from windsock.local import logs
from windsock.local.logs import Follower


def test_a_large_log_is_moved_aside_and_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    with log.open("ab") as writer:
        writer.write(b"x" * (logs.LARGEST + 1))
        writer.flush()
        logs.bound(tmp_path)
        writer.write(b"new\n")
    assert log.read_bytes() == b"new\n"
    assert (tmp_path / "web.log.1").stat().st_size == logs.LARGEST + 1


def test_a_small_log_stays(tmp_path: Path) -> None:
    (tmp_path / "web.log").write_text("small\n")
    logs.bound(tmp_path)
    assert (tmp_path / "web.log").read_text() == "small\n"


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    (tmp_path / "web.log").write_text("".join(f"{number}\n" for number in range(50)))
    assert logs.tail(tmp_path / "web.log", 2) == ["48", "49"]
    assert logs.tail(tmp_path / "none.log", 2) == []


def test_only_whole_new_lines_come(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("old\n")
    follower = Follower([log], from_end=True)
    with log.open("a") as writer:
        writer.write("one\ntw")
        writer.flush()
        assert follower.lines() == [("web", "one")]
        assert follower.lines() == []
        writer.write("o\n")
        writer.flush()
        assert follower.lines() == [("web", "two")]


def test_an_emptied_log_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("a long first line\n")
    follower = Follower([log])
    follower.lines()
    log.write_text("next\n")
    assert follower.lines() == [("web", "next")]


def test_a_log_that_comes_later_is_read_too(tmp_path: Path) -> None:
    follower = Follower([tmp_path / "web.log"])
    assert follower.lines() == []
    (tmp_path / "web.log").write_text("hello\n")
    assert follower.lines() == [("web", "hello")]
