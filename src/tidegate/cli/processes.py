"""
The child processes of `tidegate serve`, each put together here: open, hand down, close in reverse.

`python -m tidegate.cli.processes gate|loader LIFELINE SOCKET`, started by the supervisor with every setting
in the environment. Imports come before `begin`, so that they overlap with the first start's set-up.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

from tidegate.cli.context import control_store, journal_path
from tidegate.cli.supervisor import stop_with_parent, wait_for_begin
from tidegate.errors import TidegateError
from tidegate.settings import Settings, read_settings

if TYPE_CHECKING:
    from tidegate.journal import SqliteJournal

STOP_WAIT_S = 7.0
"""How long requests in flight may take after SIGTERM."""

NOTIFIER_NICE = 5
"""The notifier starts behind the others and steps back where a processor is short."""


def now_ms() -> int:
    """The clock every part is given: milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def open_journal(settings: Settings) -> SqliteJournal:
    """Open the journal of the data folder with the limits that are set."""
    from tidegate.journal import SqliteJournal

    return SqliteJournal(
        journal_path(settings),
        bytes_max=settings.journal_bytes_max,
        retention_s=settings.retention_s,
        retention_bytes_max=settings.retention_bytes_max,
        clock=now_ms,
    )


def gate(settings: Settings, lifeline: int, listening_fd: int) -> None:
    """One gate process: answers requests until it is told to stop."""
    from tidegate.cli.gate_parts import connect_api, import_api
    from tidegate.control.uses import Uses
    from tidegate.gate.app import Gate
    from tidegate.gate.commit import GroupCommit
    from tidegate.gate.server import run
    from tidegate.logs import open_log
    from tidegate.metrics import Metrics

    log = open_log(
        log_format=settings.log_format, log_level=settings.log_level, process="gate", gathered=True
    )
    if not wait_for_begin(lifeline):
        return
    store = control_store(settings)
    journal = open_journal(settings)
    commit = GroupCommit(journal)
    uses = Uses(store).start()
    api = import_api(settings, store, commit, uses, now_ms)
    rest = connect_api(
        settings, store, commit, uses, api=api, gauges=lambda: journal_gauges(journal), log=log
    )
    stop_with_parent(lifeline)
    try:
        run(
            Gate(api, rest=rest, metrics=Metrics(), log=log),
            socket.socket(fileno=listening_fd),
            stop_wait_s=STOP_WAIT_S,
        )
    finally:
        rest.close()
        api.close()
        uses.close()
        commit.close()
        journal.close()
        store.close()


def loader(settings: Settings, lifeline: int, _listening_fd: int) -> None:
    """
    The loader process: one lane for each destination, until it is told to stop.

    When destinations or what loads into them change, all lanes end, sources are handed over, others begin.
    """
    from tidegate.destinations import connect
    from tidegate.loader.handover import hand_over
    from tidegate.loader.lanes import Building
    from tidegate.loader.ledger import Surroundings, targets
    from tidegate.loader.loop import run_loader
    from tidegate.logs import open_log
    from tidegate.metrics import Metrics

    log = open_log(log_format=settings.log_format, log_level=settings.log_level, process="loader")
    if not wait_for_begin(lifeline):
        return
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    stop_with_parent(lifeline)
    store = control_store(settings)
    journal = open_journal(settings)
    building = Building(
        store=store,
        journal=journal,
        connect=connect,
        settings=settings,
        metrics=Metrics(),
        log=log,
        now_ms=now_ms,
    )
    try:
        while not stop.is_set():
            hand_over(store, journal, connect, log=log)
            known = targets(store)
            run_loader(building.lanes(known), journal, Surroundings(store, known), stop, log=log)
    finally:
        journal.close()
        store.close()


def notifier(settings: Settings, lifeline: int, _listening_fd: int) -> None:
    """The notifier process: calls hooks and sends mail, until it is told to stop; loading goes before it."""
    if not wait_for_begin(lifeline):
        return
    os.nice(NOTIFIER_NICE)
    from tidegate.logs import open_log
    from tidegate.metrics import Metrics
    from tidegate.notifier.loop import Notifier

    log = open_log(log_format=settings.log_format, log_level=settings.log_level, process="notifier")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    stop_with_parent(lifeline)
    store = control_store(settings)
    try:
        Notifier(store, settings, metrics=Metrics(), log=log).run(stop)
    finally:
        store.close()


def journal_gauges(journal: SqliteJournal) -> dict[str, tuple[str, float]]:
    """What `/metrics` shows of the journal at this moment."""
    stats = journal.stats()
    oldest = stats.oldest_waiting_at_ms
    age_s = 0.0 if oldest is None else max(0.0, (now_ms() - oldest) / 1000)
    return {
        "tidegate_journal_bytes": ("Bytes the journal takes on disk.", stats.bytes_on_disk),
        "tidegate_journal_bytes_max": ("Size limit of the journal.", stats.bytes_max),
        "tidegate_journal_waiting_bytes": ("Bytes of requests not loaded yet.", stats.bytes_waiting),
        "tidegate_journal_waiting_requests": ("Requests not loaded yet.", stats.entries_waiting),
        "tidegate_journal_waiting_records": ("Records not loaded yet.", stats.records_waiting),
        "tidegate_journal_oldest_waiting_seconds": ("Age of the oldest request not loaded yet.", age_s),
    }


def main() -> None:
    """Run the process the supervisor asked for. Terminal signals are the supervisor's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    part, lifeline, listening_fd = sys.argv[1:]
    parts = {"gate": gate, "loader": loader, "notifier": notifier}
    settings = read_settings({}, os.environ)[0]
    try:
        parts[part](settings, int(lifeline), int(listening_fd))
    except TidegateError as exc:
        from tidegate.logs import open_log

        log = open_log(log_format=settings.log_format, log_level=settings.log_level, process=part)
        log.error("stopped", error=str(exc))
        sys.exit(exc.exit_code)


if __name__ == "__main__":
    main()
