"""
Tables: records and JSON Schema become column types, names, changes and Arrow tables.

Pure: values in, values out; no file, socket, clock, randomness or driver. May import records, errors and
`tidegate.instants`; never another part. Invariants:

1. Every record handed to `prepare` ends in exactly one row of its table, or in `_sdc_rejected` with a
   reason, or was replaced by a newer version of itself in the same load (and is then counted nowhere), or
   had no value at all while its keyless table does not exist yet (and is then named in a warning).
2. No value is changed: it is kept exactly, or its record is rejected. One cut is documented: digits finer
   than a microsecond.
3. What a column holds is decided by its first value and by the warehouse, never by rejected records.
4. Rows stay in columns: the only Python objects per row are the decoded records and their values.
"""
