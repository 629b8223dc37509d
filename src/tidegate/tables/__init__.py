"""
Tables: records and JSON Schema become column types, names, changes and Arrow tables.

Pure: values in, values out; no file, socket, clock, randomness or driver. May import records, errors and
`tidegate.instants`; never another part. Invariants:

1. Every record handed to `prepare` ends in exactly one row of its table with all its elements in rows of
   subtables, or in `_sdc_rejected` with a reason, or was replaced by a newer version of itself in the same
   load (and is then counted nowhere), or is of a table version that is over (and is then counted as
   outdated), or had no value at all while its keyless table does not exist yet (and is then named in a
   warning); or its whole table is held, and it will be handed in again.
2. No value is changed: it is kept exactly, or its record is rejected. One cut is documented: digits finer
   than a microsecond.
3. What a column holds is decided by the values it is made for and by the warehouse; rejected records decide
   nothing.
4. Rows stay in columns: the only Python objects per row are the decoded records and their values.
"""
