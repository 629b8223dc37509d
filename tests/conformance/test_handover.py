"""Sources move between destinations that fail and vanish: each request is loaded once, into one of them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from tests.conformance.control_stores import open_at
from tidegate.control import accounts, destinations, loads, sources, usage
from tidegate.control.store import Store
from tidegate.destinations.base import Loaded
from tidegate.destinations.memory import Memory
from tidegate.errors import ControlUnavailable, DestinationDown, LoadConflict
from tidegate.journal import Journal, MemoryJournal, SqliteJournal
from tidegate.loader.handover import hand_over
from tidegate.loader.lane import Lane
from tidegate.loader.lanes import Building
from tidegate.loader.ledger import StoreLedger, Surroundings, targets
from tidegate.loader.loop import trim
from tidegate.metrics import Metrics
from tidegate.records import Endpoint, Request
from tidegate.settings import Settings
from tidegate.tables.model import Part, Span

LOG = structlog.get_logger()
NOW_MS = 1_800_000_000_000


class Shaky(Memory):
    """A warehouse in memory that can be down, or lose its answer after it has committed a load."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.answers_lost = 0

    def open(self) -> None:
        """Be ready, unless it is down."""
        if self.down:
            raise DestinationDown("nobody answers")
        super().open()

    def load(self, parts: Sequence[Part], span: Span, *, rehearse: bool = False) -> Loaded:
        """Load, and sometimes do not tell."""
        done = super().load(parts, span, rehearse=rehearse)
        if self.answers_lost and not rehearse:
            self.answers_lost -= 1
            raise DestinationDown("the connection was lost after the commit")
        return done

    def numbers(self) -> dict[str, list[int]]:
        """Return what each source has here."""
        return {
            schema: [int(row["n"]) for row in rows]
            for (schema, table), rows in self._rows.items()
            if table == "notes"
        }


class Deaf(Store):
    """A control store whose next answers after a commit get lost."""

    answers_lost = 0

    @contextmanager
    def writing(self, *, actor: str | None = None) -> Iterator[Connection]:
        """Commit, and sometimes do not tell."""
        with super().writing(actor=actor) as conn:
            yield conn
        if self.answers_lost:
            self.answers_lost -= 1
            raise ControlUnavailable("the connection was lost after the commit")


class World:
    """A journal, a control store, warehouses, and a loader process that is started again and again."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self.store = open_at(f"sqlite:///{folder / 'control.db'}", folder)
        self.journal = journal
        self.warehouses: dict[str, Shaky] = defaultdict(Shaky)
        self.lanes: Sequence[Lane] = ()
        self.surroundings: Any = None
        self.sent: Counter[str] = Counter()
        with self.store.writing() as conn:
            self.client_id = accounts.create(conn, "Shop").client_id

    def close(self) -> None:
        """Give up files."""
        self.store.close()
        self.journal.close()

    def connect(self, url: str) -> Shaky:
        """Return the warehouse at an address; names that differ in a number alone are one place."""
        return self.warehouses[url.partition("://")[2].rstrip("0123456789")]

    def destination(self, place: str, **options: Any) -> int:
        """Make a destination."""
        with self.store.writing() as conn:
            return destinations.create(conn, self.client_id, f"memory://{place}", place, **options).id

    def source(self, name: str, **options: Any) -> int:
        """Make a source."""
        with self.store.writing() as conn:
            return sources.create(conn, self.client_id, name, **options).id

    def push(self, source_id: int, count: int = 1) -> None:
        """Accept requests with one record each, numbered for each source."""
        with self.store.reading() as conn:
            schema_name = sources.get(conn, source_id).schema_name
        for _ in range(count):
            self.sent[schema_name] += 1
            number = self.sent[schema_name]
            message = {"action": "upsert", "sequence": number, "data": {"n": number}}
            body = {"table_name": "notes", "schema": {"type": "object"}, "messages": [message]}
            request = Request(
                source_id=source_id,
                endpoint=Endpoint.BATCH,
                content_type="application/json",
                received_at_ms=NOW_MS,
                record_count=1,
                request_id="r",
                body=json.dumps(body).encode(),
            )
            assert self.journal.append([request]) == [self.journal.end()]

    def start(self) -> None:
        """Start the loader process; what an earlier one knew is gone."""
        hand_over(self.store, self.journal, self.connect, log=LOG)
        known = targets(self.store)
        self.surroundings = Surroundings(self.store, known)
        self.lanes = Building(
            store=self.store,
            journal=self.journal,
            connect=self.connect,
            settings=Settings(load_bytes=150, load_wait_s=0.0),
            metrics=Metrics(),
            log=LOG,
            now_ms=lambda: NOW_MS,
        ).lanes(known)

    def turn(self) -> bool:
        """Let each lane take a turn, and the journal be trimmed; tell whether anything was loaded."""
        loaded = False
        for lane in self.lanes:
            try:
                loaded = lane.turns() or loaded
            except (DestinationDown, LoadConflict):
                lane.lose_track()
        trim(self.lanes, self.journal, self.surroundings, LOG)
        return loaded

    def settle(self) -> None:
        """Load all there is."""
        for warehouse in self.warehouses.values():
            warehouse.down, warehouse.answers_lost = False, 0
        self.start()
        for _ in range(200):
            if not self.turn():
                return
        pytest.fail("the lanes find no end")

    def found(self) -> dict[str, list[int]]:
        """Return what each source has in all warehouses together, sorted."""
        found: dict[str, list[int]] = defaultdict(list)
        for warehouse in self.warehouses.values():
            for schema_name, numbers in warehouse.numbers().items():
                found[schema_name] += numbers
        return {name: sorted(numbers) for name, numbers in found.items()}

    def expected(self) -> dict[str, list[int]]:
        """Return what was accepted."""
        return {name: list(range(1, count + 1)) for name, count in self.sent.items()}


def a_world(kind: str, folder: Path) -> World:
    """Begin with a journal that frees what is loaded at once."""
    limits: dict[str, Any] = {"bytes_max": 10_000_000, "retention_s": 0, "retention_bytes_max": 0}
    journal: Journal = (
        MemoryJournal(**limits) if kind == "memory" else SqliteJournal(folder / "journal.db", **limits)
    )
    return World(folder, journal)


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path, exercised: Callable[[str], None]) -> Any:
    """A world with each kind of journal."""
    exercised(f"handing over: journal {request.param}")
    made = a_world(request.param, tmp_path)
    yield made
    made.close()


def test_what_waits_goes_along_with_its_source(world: World) -> None:
    """What is loaded stays where it is; what is not goes to the new destination, which is far ahead. (C36)"""
    world.destination("old")
    new = world.destination("new")
    moved, other = world.source("moved"), world.source("other", destination_id=new)
    world.push(moved, 3)
    world.settle()
    world.connect("memory://old").down = True
    world.start()
    world.push(moved, 3)
    world.push(other, 3)
    while world.turn():
        pass
    with world.store.writing() as conn:
        sources.move(conn, moved, new)
    world.push(moved, 2)
    world.settle()
    assert [1, 2, 3] == world.warehouses["old"].numbers()["moved"]
    assert [4, 5, 6, 7, 8] == world.warehouses["new"].numbers()["moved"]
    assert [1, 2, 3] == world.warehouses["new"].numbers()["other"]
    with world.store.writing() as conn:
        sources.move(conn, moved, None)
    world.push(moved)
    world.settle()
    assert [1, 2, 3, 9] == world.warehouses["old"].numbers()["moved"]


def test_what_comes_after_a_change_is_for_the_new_place(world: World) -> None:
    """Also while the loader has not begun anew: the old destination gets nothing of it. (C24, C36)"""
    old, new = world.destination("old"), world.destination("new")
    moved, left = world.source("moved", destination_id=new), world.source("left", destination_id=old)
    world.settle()
    with world.store.writing() as conn:
        sources.move(conn, moved, old)
    world.push(moved, 2)
    world.turn()
    assert {} == world.found()
    world.settle()
    with world.store.writing() as conn:
        destinations.delete(conn, old, client_id=world.client_id)
    world.push(left, 2)
    world.turn()
    assert {"moved": [1, 2]} == world.found()
    with world.store.writing() as conn:
        sources.move(conn, left, new)
    world.settle()
    assert [1, 2] == world.warehouses["new"].numbers()["left"]


def test_a_deleted_destination_is_where_it_last_said(world: World) -> None:
    """What it had loaded is not sent again, however far behind another one is. (C36)"""
    first, lagging = world.destination("first"), world.destination("lagging")
    quick, slow = world.source("quick"), world.source("slow", destination_id=lagging)
    world.connect("memory://lagging").down = True
    world.start()
    world.push(slow)
    world.push(quick, 3)
    while world.turn():
        pass
    with world.store.writing() as conn:
        destinations.delete(conn, first, client_id=world.client_id)
    world.push(quick, 2)
    world.destination("third")
    world.settle()
    assert ([1, 2, 3], [4, 5]) == (
        world.warehouses["first"].numbers()["quick"],
        world.warehouses["third"].numbers()["quick"],
    )
    assert [1] == world.warehouses["lagging"].numbers()["slow"]


def test_others_are_freed_while_a_source_has_no_destination(world: World) -> None:
    """What it sends waits in the journal alone; the next destination gets it in order. (C24, J11)"""
    first, second = world.destination("first"), world.destination("second")
    orphan, other = world.source("orphan"), world.source("other", destination_id=second)
    world.push(orphan, 2)
    world.settle()
    with world.store.writing() as conn:
        destinations.delete(conn, first, client_id=world.client_id)
    world.push(orphan, 3)
    world.push(other, 50)
    world.settle()
    assert [] == list(world.journal.read(0, bytes_max=10_000).entries)
    assert 3 == len(world.journal.of_source(orphan, 0, 1_000, bytes_max=10_000).entries)
    assert 0 == len(world.journal.of_source(other, 0, 1_000, bytes_max=10_000).entries)
    world.destination("third")
    world.push(orphan)
    world.settle()
    assert [3, 4, 5, 6] == world.warehouses["third"].numbers()["orphan"]
    assert [1, 2] == world.warehouses["first"].numbers()["orphan"]
    assert 0 == len(world.journal.of_source(orphan, 0, 1_000, bytes_max=10_000).entries)


def test_a_deleted_source_without_a_destination_leaves_nothing(world: World) -> None:
    """Its data was kept for a destination to come, and nobody waits for it any more. (C24)"""
    first = world.destination("first")
    orphan, kept = world.source("orphan"), world.source("kept")
    with world.store.writing() as conn:
        destinations.delete(conn, first, client_id=world.client_id)
        destinations.create(conn, world.client_id, "memory://aside", "Aside", adopts=False)
    world.push(orphan, 2)
    world.push(kept, 2)
    world.settle()
    with world.store.writing() as conn:
        sources.delete(conn, orphan)
    world.settle()
    assert [0, 2] == [
        len(world.journal.of_source(each, 0, 9, bytes_max=10_000).entries) for each in (orphan, kept)
    ]


def test_two_names_of_one_warehouse_do_not_disturb_each_other(world: World) -> None:
    """Each destination has progress of its own there. (C37)"""
    first, second = world.destination("same1"), world.destination("same2")
    sent_by = [world.source("a", destination_id=first), world.source("b", destination_id=second)]
    for _ in range(3):
        for source_id in sent_by:
            world.push(source_id, 2)
        world.settle()
    assert world.expected() == world.found()


def test_a_destination_goes_on_in_another_place(world: World) -> None:
    """Old data is not sent again, not to a new place nor to one it comes back to. (C37)"""
    one = world.destination("here")
    source_id = world.source("a")
    world.push(source_id, 2)
    world.settle()
    for place in ("there", "here1", "there7", "there8"):
        world.push(source_id, 1)
        with world.store.writing() as conn:
            destinations.change(conn, one, url=f"memory://{place}")
        world.push(source_id, 1)
        world.settle()
    assert ([1, 2, 5, 6], [3, 4, 7, 8, 9, 10]) == (
        world.warehouses["here"].numbers()["a"],
        world.warehouses["there"].numbers()["a"],
    )


def test_a_commit_that_was_not_told_is_seen_under_a_new_name(world: World) -> None:
    """The same warehouse by another address knows what it has, whatever the control store knows. (C37)"""
    one = world.destination("db1")
    source_id = world.source("a")
    world.push(source_id, 2)
    world.settle()
    world.push(source_id, 2)
    world.connect("memory://db").answers_lost = 1
    world.start()
    world.turn()
    with world.store.writing() as conn:
        destinations.change(conn, one, url="memory://db2")
    world.settle()
    assert world.expected() == world.found()


def test_a_warehouse_of_an_earlier_release_is_gone_on_with(world: World) -> None:
    """It has its progress under the journal's own name, and sources have no assignments yet. (C37)"""
    one = world.destination("old")
    source_id = world.source("a")
    world.push(source_id, 4)
    plain = Lane(
        destination_id=one,
        destination=world.connect("memory://old"),
        journal=world.journal,
        ledger=StoreLedger(world.store, one, world.journal.journal_id, lambda: NOW_MS),
        settings=Settings(load_bytes=1, load_wait_s=0.0),
        metrics=Metrics(),
        log=LOG,
        now_ms=lambda: NOW_MS,
    )
    plain.turns()
    plain.turns()
    with world.store.writing() as conn:
        conn.exec_driver_sql("delete from assignments")
        conn.exec_driver_sql("update destinations set progress = null")
    assert [1, 2] == world.warehouses["old"].numbers()["a"]
    world.settle()
    assert world.expected() == world.found()


def test_what_may_have_been_told_is_counted_once(world: World, tmp_path: Path) -> None:
    """The store commits the reports, its answer gets lost, and the lane tells them again. (C26)"""
    destination_id = world.destination("db")
    source_id = world.source("a")
    store = Deaf.open(tmp_path / "control.db")
    lane = Lane(
        destination_id=destination_id,
        destination=world.connect("memory://db"),
        journal=world.journal,
        ledger=StoreLedger(store, destination_id, world.journal.journal_id, lambda: NOW_MS),
        settings=Settings(load_bytes=1_000_000, load_wait_s=0.0),
        metrics=Metrics(),
        log=LOG,
        now_ms=lambda: NOW_MS,
    )
    for count in (3, 2):
        world.push(source_id, count)
        store.answers_lost = 1
        with pytest.raises(ControlUnavailable):
            lane.turns()
        lane.lose_track()
        while lane.turns():
            pass
    with store.reading() as conn:
        assert {"notes": (5, 0)} == usage.totals(conn, source_id)
        assert [2, 3] == [each.rows_loaded for each in loads.latest(conn, 9)]
    store.close()


def test_a_new_journal_counts_from_one(world: World) -> None:
    """Positions of the journal before it hold no longer; sources stay where they were. (J9, C36)"""
    world.destination("first")
    second = world.destination("second")
    source_id = world.source("a")
    world.push(source_id, 5)
    world.settle()
    with world.store.writing() as conn:
        sources.move(conn, source_id, second)
    world.settle()
    world.journal.close()
    world.journal = MemoryJournal()
    world.push(source_id, 2)
    world.settle()
    assert world.expected() == world.found()
    assert [6, 7] == world.warehouses["second"].numbers()["a"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(0, 2), st.integers(1, 4)),
        st.tuples(st.just("turn"), st.integers(1, 4), st.just(0)),
        st.tuples(st.just("start"), st.just(0), st.just(0)),
        st.tuples(st.just("move"), st.integers(0, 2), st.integers(0, 3)),
        st.tuples(st.just("delete"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("create"), st.integers(0, 3), st.booleans()),
        st.tuples(st.just("change"), st.integers(0, 3), st.integers(0, 9)),
        st.tuples(st.just("lose"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("down"), st.integers(0, 3), st.booleans()),
    ),
    max_size=30,
)
PLACES = ("north", "south", "east", "west")


def do(world: World, step: tuple[str, int, int], owned: Sequence[int]) -> None:
    """Take a step."""
    what, which, how = step
    warehouse = world.connect(f"memory://{PLACES[which % len(PLACES)]}")
    if what == "push":
        world.push(owned[which], how)
    elif what == "turn":
        for _ in range(which):
            world.turn()
    elif what == "start":
        world.start()
    elif what == "lose":
        warehouse.answers_lost = 1
    elif what == "down":
        warehouse.down = bool(how)
    else:
        change(world, what, which, how, owned)


def change(world: World, what: str, which: int, how: int, owned: Sequence[int]) -> None:
    """Change destinations, or a source's."""
    with world.store.reading() as conn:
        there = destinations.list_(conn)
    taken = {each.url.rstrip("0123456789") for each in there}
    free = [place for place in PLACES if f"memory://{place}" not in taken]
    if what == "create" and free:
        world.destination(free[which % len(free)], adopts=bool(how))
    if what == "create" or not there:
        return
    chosen = there[which % len(there)]
    place = chosen.url.rstrip("0123456789")
    url = f"{place}{how}" if how < 8 else f"{place}-far{how}"
    with world.store.writing() as conn:
        if what == "move":
            sources.move(conn, owned[which], None if how == 3 else chosen.id)
        elif what == "delete":
            destinations.delete(conn, chosen.id, client_id=world.client_id)
        elif url != chosen.url:
            destinations.change(conn, chosen.id, url=url)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_whatever_happens_each_request_is_loaded_once(
    kind: str, steps: list[tuple[str, int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """
    Moves, deletions, changes of place, restarts and failing warehouses, in any order.

    Nothing is ever lost. Something is in two warehouses only when the older one committed a load without
    telling anyone and then was deleted, changed or out of reach. (C24, C36, C37, J5)
    """
    world = a_world(kind, tmp_path_factory.mktemp("world"))
    world.destination(PLACES[0])
    world.destination(PLACES[1])
    owned = [world.source(name) for name in ("a", "b", "c")]
    world.start()
    for step in steps:
        do(world, step, owned)
    with world.store.reading() as conn:
        there = destinations.list_(conn)
    if not there:
        world.destination("last")
    with world.store.writing() as conn:
        for source_id in owned:
            sources.move(conn, source_id, destinations.list_(conn)[0].id)
    world.settle()
    found = world.found()
    assert world.expected() == {name: sorted(set(numbers)) for name, numbers in found.items()}
    if not any(step[0] == "lose" for step in steps):
        assert world.expected() == found
    world.close()
