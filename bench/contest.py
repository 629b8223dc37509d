"""A contest of loading: the product, a straight script and peers, on the same records, in rounds."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.backlogs import fill, load
from bench.figures import Budget, at_least, not_measured
from bench.files import Held, LoadFiles
from bench.peers.install import NotInstalled, Peer
from bench.plan import Plan, in_turn
from bench.programs import Failed, run_json

WARM_UP_RECORDS = 2_000
FLAWED_SHARE_MAX = 0.001
"""A peer may hold so many rows too few or too many and still be measured; the line then says so."""


class Warehouse(Protocol):
    """What all contenders load into, each in its turn."""

    @property
    def url(self) -> str:
        """The address as the product takes it."""
        ...

    @property
    def address(self) -> str:
        """The address as scripts take it."""
        ...

    def empty(self) -> None:
        """Leave nothing in it."""
        ...

    def freed_at(self, finished_at: float) -> float:
        """Return when others could use it: a commit that holds the file for longer is not over."""
        ...

    def held(self, who: str) -> Held:
        """Return what it holds of the orders. Errors: Failed when there is no such table."""
        ...


class Contender(Protocol):
    """Somebody who loads all records into the empty warehouse."""

    seconds: dict[int, float]

    def run(self, number: int) -> None:
        """Load once, and note the seconds under the round's number."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A peer, the least ratio to it, and the file it is given."""

    peer: Peer
    least: float
    given: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """
    Who loads what into where; `script` is the straight script's module, `note` adds to the conditions.

    Units: product and script commit about `load_bytes` of bodies at a time, the product more if it wants.
    """

    id: str
    what: str
    files: LoadFiles
    warehouse: Warehouse
    script: str
    plan: Plan
    load_bytes: int
    rounds: tuple[int, int]
    seconds: tuple[float, float]
    rivals: Sequence[Rival] = ()
    note: str = ""

    def measure(self) -> list[Budget]:
        """Fill a journal once; then all contenders load the same records, in rounds."""
        ours, straight = Ours(self, self._fill()), Straight(self)
        peers = [PeerRuns(rival, self) for rival in self.rivals]
        straight.run(-1)
        for peer in peers:
            peer.warm_up()
        for number in self.plan.rounds(*self.rounds, seconds=self.seconds):
            # A peer is slow, and its ratio far from one: every other round will do.
            chosen = [each for each in peers if number % 2 == 0]
            everybody: list[Contender] = [ours, straight, *chosen]
            for contender in in_turn(everybody, number):
                contender.run(number)
        return [self._budget(ours, straight), *(each.budget(ours) for each in peers)]

    def rates(self, mine: Contender, theirs: Contender) -> tuple[list[float], list[float]]:
        """Return records/s of both in the rounds that both were in."""
        rounds = sorted((mine.seconds.keys() & theirs.seconds.keys()) - {-1})
        return (
            [self.files.records / mine.seconds[each] for each in rounds],
            [self.files.records / theirs.seconds[each] for each in rounds],
        )

    def check(self, who: str) -> None:
        """Make sure that the warehouse holds the newest version of every row, once. Errors: Failed."""
        found, expected = self.warehouse.held(who), self.files.expected
        if found != expected:
            raise Failed(f"{who} holds {found.words()}, not {expected.words()}")

    def _budget(self, ours: Ours, straight: Straight) -> Budget:
        return at_least(
            self.id,
            f"{self.what}, {self.files.records:,} records",
            "records/s",
            0.6,
            *self.rates(ours, straight),
            against="straight script",
            records=self.files.records,
            load_bytes=self.load_bytes,
            loads_each_run=ours.loads,
            conditions=(
                f"{self.files.records:,} records, every fifth an update of an earlier one, in"
                f" {ours.loads} loads of {self.load_bytes / 1e6:g} MB and more (the script's: no more); the"
                " journal was filled before by real pushes; from the log line that loading begins until all"
                f" is committed and the warehouse free{self.note}"
            ),
        )

    def _fill(self) -> Path:
        """Return a data folder whose journal holds every body."""
        data_dir = self.plan.folder / "filled"
        fill(data_dir, self.files.bodies, self.files.requests, destination=self.warehouse.url)
        return data_dir


@dataclass(slots=True)
class Ours:
    """The product's runs, each on a copy of the data folder whose journal was filled."""

    contest: Contest
    filled: Path
    seconds: dict[int, float] = field(default_factory=dict)
    loads: int = 0

    def run(self, number: int) -> None:
        """Load the backlog; everything between the first look at the warehouse and the last commit counts."""
        contest = self.contest
        contest.warehouse.empty()
        data_dir = contest.plan.folder / "ours"
        shutil.copytree(self.filled, data_dir)
        done = load(
            data_dir,
            contest.files.requests,
            load_bytes=contest.load_bytes,
            freed=contest.warehouse.freed_at,
        )
        self.seconds[number], self.loads = done.seconds, done.loads
        contest.check("the product")
        shutil.rmtree(data_dir)


@dataclass(slots=True)
class Straight:
    """The straight script's runs; by its own clock, without the time its imports take."""

    contest: Contest
    seconds: dict[int, float] = field(default_factory=dict)

    def run(self, number: int) -> None:
        """Load the bodies."""
        contest = self.contest
        contest.warehouse.empty()
        command = [sys.executable, "-m", contest.script, str(contest.files.bodies)]
        report = run_json([*command, contest.warehouse.address, str(contest.load_bytes)])
        self.seconds[number] = float(report["seconds"])
        contest.check("the straight script")


@dataclass(slots=True)
class PeerRuns:
    """A peer's runs on the same records; whatever hinders it ends them, and is shown in its line."""

    rival: Rival
    contest: Contest
    seconds: dict[int, float] = field(default_factory=dict)
    why: str = ""
    flaw: str = ""

    def warm_up(self) -> None:
        """Load a few records once, so that what it imports late has been read from the disk."""
        warm = self.contest.plan.folder / f"warm-{self.rival.peer.name}"
        if self.contest.plan.quick:
            return
        files = LoadFiles.written(warm, WARM_UP_RECORDS)
        self._load(files.messages if self.rival.given.name == files.messages.name else files.lines)

    def run(self, number: int) -> None:
        """Load once into an empty warehouse."""
        if (seconds := self._load(self.rival.given)) is None:
            return
        try:
            self._judge(self.contest.warehouse.held(self.rival.peer.title))
        except Failed as exc:
            self.why = str(exc)
        else:
            self.seconds[number] = seconds

    def _load(self, given: Path) -> float | None:
        """Return seconds, or None once anything hindered it."""
        contest, peer = self.contest, self.rival.peer
        if self.why:
            return None
        try:
            contest.warehouse.empty()
            python = contest.plan.python_of(peer)
            report = run_json([str(python), str(peer.script), str(given), contest.warehouse.address])
        except (NotInstalled, Failed) as exc:
            self.why = str(exc)
            return None
        return float(report["seconds"])

    def _judge(self, found: Held) -> None:
        """A few wrong rows are a flaw to tell of; many mean that it did not do the work."""
        expected, title = self.contest.files.expected, self.rival.peer.title
        if found != expected:
            self.flaw = f"{title} holds {found.words()}, not {expected.words()}"
        if abs(found.rows - expected.rows) > expected.rows * FLAWED_SHARE_MAX:
            raise Failed(self.flaw)

    def budget(self, ours: Ours) -> Budget:
        """Return the peer's line."""
        peer, least, contest = self.rival.peer, self.rival.least, self.contest
        id_, what = f"{contest.id}.{peer.short}", f"{contest.what}, {contest.files.records:,} records"
        if self.why:
            return not_measured(id_, f"{what}, against {peer.title}", f">= {least:g}x", self.why)
        held = (
            f"WRONG ROWS, measured all the same: {self.flaw}" if self.flaw else "every row right afterwards"
        )
        return at_least(
            id_,
            what,
            "records/s",
            least,
            *contest.rates(ours, self),
            against=peer.title + (" (wrong rows)" if self.flaw else ""),
            records=contest.files.records,
            requirements=list(peer.requirements),
            conditions=f"{peer.how}; {held}; from the start of its work to its last commit, imports apart",
        )
