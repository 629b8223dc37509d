"""Bytes of a SQLite journal are spoilt in every way; what is served is always what was put in."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.crash.journal_process import numbered_request, open_journal
from tidegate.errors import JournalError, JournalUnusable
from tidegate.journal import Journal, SqliteJournal

ROUNDS = int(os.environ.get("TIDEGATE_CRASH_ROUNDS", "12"))
COUNT = 120
PAGE_BYTES = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a closed journal with `COUNT` entries."""
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    journal.append([numbered_request("w", number) for number in range(COUNT)])
    journal.close()
    return path


def spoil(path: Path, sql: str) -> None:
    """Change stored values behind the journal's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


def sound_and_damaged(journal: Journal) -> tuple[list[int], list[int]]:
    """Read everything; each sound entry must be the one that was put in there."""
    sound: list[int] = []
    damaged: list[int] = []
    after = 0
    while (reading := journal.read(after, bytes_max=200_000)).upto > after:
        assert [] == [
            e.position for e in reading.entries if e.request != numbered_request("w", e.position - 1)
        ]
        sound += [entry.position for entry in reading.entries]
        damaged += [each.position for each in reading.damaged]
        after = reading.upto
    return sound, damaged


@pytest.mark.parametrize(
    "change",
    [
        "source_id = source_id + 1",
        "endpoint = 'pusH'",
        "content_type = CAST(x'ff' AS TEXT)",
        "received_at_ms = 'soon'",
        "record_count = record_count + 1",
        "request_id = request_id || 'x'",
        "body_bytes = 1 << 60",
        "packing = 1 - packing",
        "records_total = 0.5",
        "bytes_total = bytes_total - 1",
        "checksum = zeroblob(8)",
        "body = substr(body, 2)",
    ],
)
def test_a_change_of_any_column_is_found(path: Path, change: str) -> None:
    """An entry that differs anywhere from what was written is damaged; all others are served. (J6)"""
    spoil(path, f"UPDATE entries SET {change} WHERE position = 50")
    journal = open_journal(path)
    sound, damaged = sound_and_damaged(journal)
    journal.close()
    assert [50] == damaged
    assert [each for each in range(1, COUNT + 1) if each != 50] == sound


def test_entries_that_vanished_or_moved_are_told(path: Path) -> None:
    """A position without its entry is damaged, and an entry at a wrong position is not served. (J6)"""
    spoil(path, "DELETE FROM entries WHERE position IN (10, 119)")
    spoil(path, "UPDATE entries SET position = 10 WHERE position = 70")
    journal = open_journal(path)
    assert [10, 70, 119] == sound_and_damaged(journal)[1]
    journal.close()


def test_a_reading_tells_why_an_entry_is_damaged(path: Path) -> None:
    """People see the reason in words. (J6)"""
    spoil(path, "UPDATE entries SET body = x'00' WHERE position = 1")
    spoil(path, "DELETE FROM entries WHERE position = 2")
    journal = open_journal(path)
    reasons = [each.reason for each in journal.read(0, bytes_max=1).damaged]
    journal.close()
    assert ["the checksum does not match", "nothing is stored under this position"] == reasons


def spoil_a_page(path: Path) -> None:
    """Overwrite the head of a page that holds entries, so that SQLite refuses to read it."""
    content = bytearray(path.read_bytes())
    table_leaf = 0x0D
    at = next(
        at
        for at in range(PAGE_BYTES, len(content), PAGE_BYTES)
        if content[at] == table_leaf and b"application/json" in content[at : at + PAGE_BYTES]
    )
    content[at : at + 8] = b"\xff" * 8
    path.write_bytes(content)


def test_a_spoilt_page_costs_only_its_own_entries(path: Path) -> None:
    """Pages that SQLite refuses to read do not hide the entries of other pages. (J6)"""
    spoil_a_page(path)
    journal = open_journal(path)
    sound, damaged = sound_and_damaged(journal)
    journal.close()
    assert list(range(1, COUNT + 1)) == sorted(sound + damaged)
    assert 1 <= len(damaged) <= 20


def test_trimming_passes_over_a_spoilt_page(path: Path) -> None:
    """Damage among loaded entries does not stop the freeing of the others, nor accepting. (J6, J8)"""
    spoil_a_page(path)
    journal = open_journal(path)
    journal.trim(COUNT)
    stats = journal.stats()
    position = journal.append([numbered_request("w", COUNT)])[0]
    entries = journal.read(0, bytes_max=1_000_000).entries
    journal.close()
    assert (COUNT, COUNT + 1) == (stats.loaded, position)
    assert [position] == [entry.position for entry in entries]


def test_a_spoilt_state_is_refused_not_believed(path: Path) -> None:
    """A journal that does not know where it stands is not opened: it would give positions twice. (J2)"""
    spoil(path, "UPDATE state SET end = 3")
    with pytest.raises(JournalUnusable, match="state"):
        open_journal(path)


@pytest.mark.parametrize("spoilt_bytes", [1, 3, 40])
def test_flipped_bytes_never_reach_a_reader(path: Path, tmp_path: Path, spoilt_bytes: int) -> None:
    """Whatever bytes flip, wrong bodies are never served, and failures are the journal's own. (J6)"""
    content = path.read_bytes()
    opened = 0
    for round_ in range(ROUNDS * 4):
        some = random.Random(f"{spoilt_bytes}/{round_}")  # noqa: S311 - reproducible damage
        spoilt = bytearray(content)
        for _ in range(spoilt_bytes):
            spoilt[some.randrange(len(spoilt))] ^= 1 << some.randrange(8)
        (tmp_path / "copy").mkdir()
        (tmp_path / "copy" / "journal.db").write_bytes(spoilt)
        with suppress(JournalError):
            journal = open_journal(tmp_path / "copy" / "journal.db")
            opened += 1
            _use_damaged(journal)
        shutil.rmtree(tmp_path / "copy")
    assert opened >= ROUNDS


def _use_damaged(journal: SqliteJournal) -> None:
    """Read, append, trim and read again."""
    try:
        sound, damaged = sound_and_damaged(journal)
        assert list(range(1, COUNT + 1)) == sorted(sound + damaged)
        journal.append([numbered_request("w", COUNT)])
        journal.trim(COUNT // 2)
        sound, damaged = sound_and_damaged(journal)
        assert list(range(journal.stats().end - len(sound) - len(damaged) + 1, COUNT + 2)) == sorted(
            sound + damaged
        )
    finally:
        journal.close()


def test_a_torn_write_ahead_log_costs_its_tail_only(path: Path, tmp_path: Path) -> None:
    """After a crash with a cut or spoilt log, what is served is a sound beginning, and work goes on. (J6)"""
    journal = open_journal(path)
    for number in range(COUNT, COUNT + 40):
        journal.append([numbered_request("w", number)])
    log = Path(f"{path}-wal").read_bytes()
    copy = tmp_path / "copy.db"
    ends = set()
    for round_ in range(ROUNDS):
        some = random.Random(round_)  # noqa: S311 - reproducible damage
        place = some.randrange(len(log))
        spoilt = log[:place] if round_ % 2 else log[:place] + bytes([log[place] ^ 0x10]) + log[place + 1 :]
        shutil.copy(path, copy)
        Path(f"{copy}-wal").write_bytes(spoilt)
        torn = open_journal(copy)
        sound, damaged = sound_and_damaged(torn)
        end = torn.end()
        assert (list(range(1, end + 1)), []) == (sound, damaged)
        assert [end + 1] == list(torn.append([numbered_request("w", end)]))
        torn.close()
        ends.add(end)
    journal.close()
    assert COUNT <= min(ends) < max(ends) <= COUNT + 40


def test_damage_among_what_waits_is_told(path: Path) -> None:
    """One source's reading passes over a spoilt entry and a torn page, tells both, and ends. (J6, J11)"""
    journal = open_journal(path)
    owners = {each.request.source_id for each in journal.read(0, bytes_max=9**9).entries}
    journal.trim(COUNT, dict.fromkeys(owners, 0))
    journal.close()
    spoil(path, "UPDATE entries SET body = substr(body, 2) WHERE position = 20")
    with closing(sqlite3.connect(path)) as connection:
        leaves = [
            page
            for (page,) in connection.execute(
                "SELECT pageno FROM dbstat WHERE name = 'entries' AND pagetype = 'leaf' ORDER BY path"
            )
        ]
    with path.open("r+b") as file:
        file.seek((leaves[len(leaves) // 2] - 1) * PAGE_BYTES)
        file.write(b"\xff" * PAGE_BYTES)
    journal = open_journal(path)
    sound: set[int] = set()
    damaged: set[int] = set()
    for source_id in owners:
        after = 0
        while (reading := journal.of_source(source_id, after, COUNT, bytes_max=10_000)).upto > after:
            sound |= {entry.position for entry in reading.entries}
            damaged |= {each.position for each in reading.damaged}
            after = reading.upto
        assert COUNT == after
    assert set(range(1, COUNT + 1)) == sound | damaged
    assert 20 in damaged
    assert not sound & damaged
    assert len(sound) > COUNT // 2
    journal.close()
