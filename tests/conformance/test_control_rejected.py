"""Every control store keeps marks on rejected records. Rule C38 of docs/specs/control.md."""

from __future__ import annotations

from tidegate.control import rejected
from tidegate.control.rejected import State
from tidegate.control.store import Store


def test_the_last_mark_counts(store: Store) -> None:
    """A record has one mark, the newest, with the command that made it; others keep theirs. (C38)"""
    first, second, other = ("journal", 1, 0), ("journal", 1, 1), ("journal-2", 1, 0)
    with store.writing() as conn:
        rejected.mark(conn, [first, second, other], State.DISCARDED, "rejected discard")
        rejected.mark(conn, [first, first], State.REPLAYED, "rejected replay")
        rejected.mark(conn, [], State.REPLAYED, "rejected replay")
    with store.reading() as conn:
        found = {at: (mark.state, mark.command) for at, mark in rejected.marks(conn).items()}
    discarded = (State.DISCARDED, "rejected discard")
    assert {first: (State.REPLAYED, "rejected replay"), second: discarded, other: discarded} == found
