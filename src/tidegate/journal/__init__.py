"""
The journal: every accepted request, byte for byte, in one order, until loaded and past its retention.

`base` is the contract. `sqlite` is the journal of the embedded run: `storage` has its file and connections,
`state` where it stands, `packing` one entry's bytes, `collecting` reads past damage, `retention` says what
may go, `aside` what stays all the same, `repeats` which requests are sent again, `repeats_table` remembers
their keys. `memory` is a small one for tests and simulators.

Imports nothing of ours but records and errors. Invariants:

1. What `append` returned is on durable storage; what it refused left no trace.
2. Positions have no holes and none is used twice, so an entry that cannot be found is known to be lost.
3. A body is served only after its checksum was found right.
4. Only `trim` says that something is loaded, and only loaded entries are ever removed.
5. No transaction outlives a call.
6. An entry and its idempotency key are committed together.
"""

from tidegate.journal.base import Crowded, Damaged, Journal, KeyReused, Placed, Reading, Stats
from tidegate.journal.memory import MemoryJournal
from tidegate.journal.sqlite import SqliteJournal

__all__ = [
    "Crowded",
    "Damaged",
    "Journal",
    "KeyReused",
    "MemoryJournal",
    "Placed",
    "Reading",
    "SqliteJournal",
    "Stats",
]
