"""Processes that work on one SQLite journal are killed at any moment; what was acknowledged is there."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.crash.journal_process import GROUP, GROUPS_MAX, numbered_request, open_journal
from tidegate.journal import SqliteJournal
from tidegate.records import Entry

ROUNDS = int(os.environ.get("TIDEGATE_CRASH_ROUNDS", "12"))


@contextmanager
def process(task: str, path: Path, writer: str = "w", first: int = 0) -> Iterator[subprocess.Popen[str]]:
    """Run one journal process; it is dead when the block is left."""
    command = [sys.executable, "-m", "tests.crash.journal_process", task, str(path), writer, str(first)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def lines(running: subprocess.Popen[str], count: int = sys.maxsize) -> list[list[int]]:
    """Read so many lines of numbers, or all until the process ends."""
    assert running.stdout is not None
    found: list[list[int]] = []
    while len(found) < count and (line := running.stdout.readline()).endswith("\n"):
        found.append([int(word) for word in line.split()])
    return found


def stored(path: Path, after: int = 0) -> list[Entry]:
    """Read everything behind a position; nothing may be damaged."""
    journal = open_journal(path)
    entries: list[Entry] = []
    while (reading := journal.read(after, bytes_max=1_000_000)).upto > after:
        assert [] == list(reading.damaged)
        entries += reading.entries
        after = reading.upto
    journal.close()
    return entries


def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    """After each kill all acknowledged requests are there, in order, and no call in part. (J1, J3, J4)"""
    path, first = tmp_path / "journal.db", 0
    acknowledged: dict[int, int] = {}
    for round_ in range(ROUNDS):
        with process("append", path, first=first) as writer:
            groups = lines(writer, random.Random(round_).randrange(1, 60))  # noqa: S311 - when to kill
            writer.kill()
            groups += lines(writer)
        acknowledged |= {
            position: number + k for number, *given in groups for k, position in enumerate(given)
        }
        entries = stored(path)
        assert list(range(1, len(entries) + 1)) == [entry.position for entry in entries]
        assert 0 == len(entries) % GROUP
        found = {entry.position: entry.request for entry in entries}
        assert [] == [at for at, n in acknowledged.items() if found.get(at) != numbered_request("w", n)]
        first = int(entries[-1].request.request_id.split("/")[1]) + 1
    assert len(acknowledged) >= ROUNDS * GROUP


def test_people_can_look_after_a_kill(tmp_path: Path) -> None:
    """`tidegate status` sees everything acknowledged though nobody has repaired the files yet. (J3)"""
    path = tmp_path / "journal.db"
    with process("append", path) as writer:
        groups = lines(writer, 20)
        writer.kill()
        groups += lines(writer)
    looking = SqliteJournal(path, bytes_max=10**9, retention_s=0, retention_bytes_max=0, read_only=True)
    assert looking.end() >= groups[-1][-1]
    looking.close()


def test_a_killed_trimmer_frees_nothing_that_waits(tmp_path: Path) -> None:
    """However trimming ends, entries behind the loaded mark stay, and the next trim goes on. (J5, J8)"""
    path = tmp_path / "journal.db"
    with process("append", path) as writer:
        for round_ in range(ROUNDS):
            with process("trim", path) as trimmer:
                marks = lines(trimmer, random.Random(round_).randrange(1, 30))  # noqa: S311 - when to kill
                trimmer.kill()
                marks += lines(trimmer)
            lines(writer, 1)
            journal = open_journal(path)
            assert journal.stats().loaded >= marks[-1][0]
            journal.close()
        writer.kill()
    journal = open_journal(path)
    stats = journal.stats()
    journal.close()
    waiting = stored(path, after=stats.loaded)
    assert list(range(stats.loaded + 1, stats.end + 1)) == [entry.position for entry in waiting]
    assert [numbered_request("w", entry.position - 1) for entry in waiting] == [
        each.request for each in waiting
    ]


def test_two_writers_share_one_order(tmp_path: Path) -> None:
    """Positions of two processes never clash and have no holes, and each writer's own order is kept. (J2)"""
    path = tmp_path / "journal.db"
    with process("append", path, "a") as one, process("append", path, "b") as two:
        groups = {"a": lines(one), "b": lines(two)}
        assert [0, 0] == [one.wait(), two.wait()]
    total = 2 * GROUPS_MAX * GROUP
    given_out = {name: [at for _, *group in found for at in group] for name, found in groups.items()}
    assert list(range(1, total + 1)) == sorted(given_out["a"] + given_out["b"])
    entries = stored(path)
    for name, positions in given_out.items():
        expected = [numbered_request(name, number) for number in range(GROUPS_MAX * GROUP)]
        assert positions == sorted(positions)
        assert expected == [entries[at - 1].request for at in positions]


def test_processes_that_start_together_make_one_journal(tmp_path: Path) -> None:
    """Gate processes that all find no journal end up with the same one. (J9)"""
    path = tmp_path / "journal.db"
    command = [sys.executable, "-m", "tests.crash.journal_process", "name", str(path), "w", "0"]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        for _ in range(6)
    ]
    names = {each.communicate()[0] for each in started}
    assert 1 == len(names)
    assert {0} == {each.returncode for each in started}
