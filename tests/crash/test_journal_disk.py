"""The SQLite journal's disk fills, fails or is taken away: nothing is half kept, and it recovers itself."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.crash.journal_process import numbered_request, open_journal
from tidegate.errors import JournalError, JournalFull, JournalUnavailable
from tidegate.journal import SqliteJournal


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let the operating system refuse writes beyond a file size, as a failing disk does. Units: bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def append_until_refused(journal: SqliteJournal, count: int = 0) -> tuple[int, JournalError]:
    """Append the requests from number `count` on; return how many are acknowledged then, and the refusal."""
    try:
        while True:
            journal.append([numbered_request("w", count)])
            count += 1
    except JournalError as exc:
        return count, exc


def numbers(journal: SqliteJournal) -> list[int]:
    """Read all there is; each entry must be what was put in."""
    found, after = [], 0
    while (reading := journal.read(after, bytes_max=1_000_000)).upto > after:
        assert [] == list(reading.damaged)
        for entry in reading.entries:
            number = int(entry.request.request_id.split("/")[1])
            assert numbered_request("w", number) == entry.request
            found.append(number)
        after = reading.upto
    return found


def test_writes_that_fail_keep_nothing_and_stop_when_the_cause_is_gone(tmp_path: Path) -> None:
    """While writes fail appends are refused whole; afterwards the same object goes on. (J1)"""
    journal = open_journal(tmp_path / "journal.db")
    with largest_file(600_000):
        count, refusal = append_until_refused(journal)
        again, _ = append_until_refused(journal, count)
        assert (JournalUnavailable, count) == (type(refusal), again)
        assert list(range(count)) == numbers(journal)
    assert [count + 1] == list(journal.append([numbered_request("w", count)]))
    assert list(range(count + 1)) == numbers(journal)
    assert count >= 10
    journal.close()


def test_a_full_disk_keeps_nothing_and_accepting_resumes(tmp_path: Path) -> None:
    """Without space a call is refused as full; the next one works when there is space again. (J1)"""
    journal = open_journal(tmp_path / "journal.db")
    journal.append([numbered_request("w", 0)])
    with journal._appending.alone() as connection:
        connection.execute("PRAGMA max_page_count = 40")
    count, refusal = append_until_refused(journal, 1)
    assert JournalFull is type(refusal)
    assert list(range(count)) == numbers(journal)
    # The refused connection was given up, and the pragma with it: there is space again.
    assert [count + 1] == list(journal.append([numbered_request("w", count)]))
    assert list(range(count + 1)) == numbers(journal)
    journal.close()


def test_appends_leave_room_for_trimming_on_the_disk(tmp_path: Path) -> None:
    """A nearly full disk refuses requests while loading and freeing can still write. (J1, J8)"""
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    journal.append([numbered_request("w", 0)])
    journal.close()
    wary = SqliteJournal(
        path, bytes_max=10**9, retention_s=0, retention_bytes_max=0, disk_free_bytes_min=10**18
    )
    with pytest.raises(JournalFull, match="bytes left"):
        wary.append([numbered_request("w", 1)])
    wary.trim(1)
    assert (1, 1, []) == (wary.end(), wary.stats().loaded, numbers(wary))
    wary.close()


def test_trimming_recovers_from_failing_writes_too(tmp_path: Path) -> None:
    """A trim that could not write is an error of the journal, and the next one does its work. (J5, J8)"""
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    journal.append([numbered_request("w", number) for number in range(200)])
    with largest_file(0), pytest.raises(JournalUnavailable):
        journal.trim(150)
    assert 200 == len(numbers(journal))
    journal.trim(150)
    assert list(range(150, 200)) == numbers(journal)
    journal.close()


def test_a_locked_journal_is_unavailable_and_keeps_nothing(tmp_path: Path) -> None:
    """When another process keeps the lock, waiting ends in time and nothing is kept. (J1)"""
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path, bytes_max=10**8, retention_s=0, retention_bytes_max=0, wait_s_max=0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalUnavailable, match="locked"):
            journal.append([numbered_request("w", 0)])
        other.execute("ROLLBACK")
    assert ([1], [0]) == (list(journal.append([numbered_request("w", 0)])), numbers(journal))
    journal.close()


def test_a_removed_file_is_not_written_into(tmp_path: Path) -> None:
    """Nobody is told "accepted" for what goes into a file that has no name any more. (J3)"""
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    journal.append([numbered_request("w", 0)])
    path.rename(tmp_path / "aside.db")
    with pytest.raises(JournalUnavailable, match="gone"):
        journal.append([numbered_request("w", 1)])
    (tmp_path / "aside.db").rename(path)
    assert [2] == list(journal.append([numbered_request("w", 1)]))
    journal.close()


def test_another_journal_in_its_place_is_not_written_into(tmp_path: Path) -> None:
    """An open journal never mixes its entries into another one. (J9)"""
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink()
    other = open_journal(path)
    with pytest.raises(JournalUnavailable, match="another journal"):
        journal.append([numbered_request("w", 0)])
    assert (0, []) == (other.end(), numbers(other))
    journal.close()
    other.close()


def test_disk_space_comes_back_after_a_backlog(tmp_path: Path) -> None:
    """Once all is loaded the files get small again, call by call. (J8)"""
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    for first in range(0, 6_000, 500):
        journal.append([numbered_request("w", first + k) for k in range(500)])
    before = path.stat().st_size
    for _ in range(100):
        journal.trim(journal.end())
    journal.close()
    assert before > 30_000_000
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 10_000_000
