"""
The loader: takes entries from the journal, turns them into tables, writes them to the destination.

May import `journal`, `destinations`, `control` (contracts), `wire`, `tables` and the words below. Invariants:

1. One loader process for each data folder; one lane, a thread, for each destination.
2. A lane's position lives in its destination, in the same transaction as the rows; the lane asks for it
   whenever it is not sure, so that a crash anywhere loads everything once.
3. Entries are loaded in journal order; the journal is trimmed only up to what every lane has loaded, but for
   those of sources that load nowhere yet, or are being caught up with: these stay behind.
4. A failing destination is asked again with growing waits, and accepting goes on meanwhile.
5. Which entries of a source load where changes at a position, and only while no lane runs (ADR 0105).
"""
