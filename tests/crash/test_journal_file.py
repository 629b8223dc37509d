"""The SQLite journal's file: who may read it, what is not one, and looking at it while others write."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash.journal_process import numbered_request, open_journal
from tidegate.errors import JournalUnavailable, JournalUnusable
from tidegate.journal import SqliteJournal


def look(path: Path) -> SqliteJournal:
    """Open as `tidegate status` does."""
    return SqliteJournal(path, bytes_max=10**9, retention_s=0, retention_bytes_max=0, read_only=True)


def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    """Bodies hold people's data: the database and its side files have mode 0600."""
    journal = open_journal(tmp_path / "journal.db")
    journal.append([numbered_request("w", 0)])
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    journal.close()
    assert {"journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600} == modes


def test_appends_are_synced(tmp_path: Path) -> None:
    """The connection that appends syncs each commit (FULL is 2) into a write-ahead log. (J3)"""
    journal = open_journal(tmp_path / "journal.db")
    with journal._appending.alone() as connection:
        assert (2,) == connection.execute("PRAGMA synchronous").fetchone()
        assert (b"wal",) == connection.execute("PRAGMA journal_mode").fetchone()
    journal.close()


def test_a_file_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    """SQLite itself does not wait when the way a new file is written changes. (J9)"""
    path = tmp_path / "journal.db"
    opened: list[SqliteJournal] = []
    opener = threading.Thread(target=lambda: opened.append(open_journal(path)))
    with closing(sqlite3.connect(path)) as another:
        another.executescript("PRAGMA user_version = 0; BEGIN IMMEDIATE")  # its first page, and no table yet
        opener.start()
        opener.join(0.3)
        assert opener.is_alive()
    opener.join(60)
    opened.pop().close()


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be one" * 100, b"SQLite format 3\x00" * 300]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """Nothing is written into a file that is something else."""
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    with pytest.raises(JournalUnusable, match="not a journal"):
        open_journal(path)
    assert content == path.read_bytes()


def test_another_program_s_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A database that is not a journal is not made one."""
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    content = path.read_bytes()
    with pytest.raises(JournalUnusable, match="no journal"):
        open_journal(path)
    assert content == path.read_bytes()


def test_a_newer_release_s_journal_is_refused(tmp_path: Path) -> None:
    """An older release does not guess at a format it does not know."""
    path = tmp_path / "journal.db"
    open_journal(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalUnusable, match="format 99"):
        open_journal(path)


def test_a_journal_of_format_1_is_upgraded(tmp_path: Path) -> None:
    """A journal made before idempotency keys keeps its entries and knows keys from now on. (J10)"""
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    journal.append([numbered_request("w", 0)])
    journal.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE idempotency_keys")
        connection.execute("DROP TABLE kept")
        connection.execute("PRAGMA user_version = 1")
    looking = look(path)
    assert 1 == looking.end()
    looking.close()
    journal, other = open_journal(path), open_journal(path)
    request = replace(numbered_request("w", 1), idempotency_key="k")
    assert [[2], [2]] == [each.append([request]) for each in (journal, other)]
    journal.close()
    other.close()


def test_a_journal_of_format_2_is_upgraded(tmp_path: Path) -> None:
    """A journal made before entries could wait keeps them from now on. (J11)"""
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    journal.append([numbered_request("w", number) for number in range(3)])
    journal.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE kept")
        connection.execute("PRAGMA user_version = 2")
    looking = look(path)
    assert 3 == looking.end()
    looking.close()
    journal = open_journal(path)
    owners = [each.request.source_id for each in journal.read(0, bytes_max=9**9).entries]
    journal.trim(3, {owners[1]: 1})
    kept = journal.of_source(owners[1], 1, 3, bytes_max=9**9).entries
    assert [at for at in (2, 3) if owners[at - 1] == owners[1]] == [each.position for each in kept]
    journal.close()


def test_a_missing_folder_is_unavailable(tmp_path: Path) -> None:
    """A journal that cannot be made says so by its own error."""
    with pytest.raises(JournalUnavailable, match="missing"):
        open_journal(tmp_path / "missing" / "journal.db")


def test_looking_never_makes_a_file(tmp_path: Path) -> None:
    """Read-only opening of nothing is an error and leaves nothing."""
    with pytest.raises(JournalUnusable, match="no journal"):
        look(tmp_path / "journal.db")
    assert [] == list(tmp_path.iterdir())


def test_looking_sees_what_others_write_and_changes_nothing(tmp_path: Path) -> None:
    """A read-only journal follows the writers and refuses to write."""
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    looking = look(path)
    journal.append([numbered_request("w", 0)])
    assert (1, journal.journal_id) == (looking.stats().end, looking.journal_id)
    for change in (lambda: looking.append([numbered_request("w", 1)]), lambda: looking.trim(1)):
        with pytest.raises(JournalUnavailable, match="readonly"):
            change()
    assert (0, 1) == (journal.stats().loaded, journal.end())
    looking.close()
    journal.close()


def test_looking_works_while_nobody_else_has_it_open(tmp_path: Path) -> None:
    """`tidegate status` tells the same after everything was shut down."""
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    journal.append([numbered_request("w", 0)])
    journal.close()
    looking = look(path)
    assert (1, 1) == (looking.end(), len(looking.read(0, bytes_max=1).entries))
    looking.close()


def test_a_path_may_hold_any_characters(tmp_path: Path) -> None:
    """Folder names of people do not get mixed up with SQLite's own notation."""
    folder = tmp_path / "a ? b # % ä 'c'"
    folder.mkdir()
    journal = open_journal(folder / "journal.db")
    assert [1] == list(journal.append([numbered_request("w", 0)]))
    journal.close()
    assert ["journal.db"] == [file.name for file in folder.iterdir()]


def test_a_reading_leaves_no_transaction_behind(tmp_path: Path) -> None:
    """After a reading returned, the write-ahead log can be emptied by others. (J4)"""
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    journal.append([numbered_request("w", 0)])
    journal.read(0, bytes_max=1)
    journal.stats()
    with closing(sqlite3.connect(path)) as other:
        busy = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    journal.close()
    assert 0 == busy


def test_the_write_ahead_log_stays_small(tmp_path: Path) -> None:
    """Writing on and on without a loader does not grow the log with the journal. (J8)"""
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    while path.stat().st_size < 60_000_000:
        journal.append([numbered_request("w", k) for k in range(100)])
    log_bytes = Path(f"{path}-wal").stat().st_size
    journal.close()
    assert log_bytes < 30_000_000


def test_a_closed_journal_refuses_work(tmp_path: Path) -> None:
    """A late call after closing opens no file again."""
    journal = open_journal(tmp_path / "journal.db")
    journal.close()
    with pytest.raises(JournalUnavailable, match="closed"):
        journal.end()


def test_threads_may_share_a_journal(tmp_path: Path) -> None:
    """One thread counts while another appends; both see whole states. (J1)"""
    journal = open_journal(tmp_path / "journal.db")
    requests = [numbered_request("w", number) for number in range(5)]
    done, ends = threading.Event(), []

    def count() -> None:
        while not done.is_set():
            ends.append(journal.stats().end)

    counting = threading.Thread(target=count)
    counting.start()
    for _ in range(100):
        journal.append(requests)
    done.set()
    counting.join()
    assert 500 == journal.end()
    assert ends == sorted(ends)
    assert {0} == {end % 5 for end in ends}
    journal.close()
