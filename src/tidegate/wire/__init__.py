"""
The Import API, version 2: bytes in, records or a refusal out; outcomes in, exact bytes out.

May import records, errors, instants and decimals; no file, socket, clock, thread or randomness. Invariants:

1. Any bytes are read or refused: every function raises `Refusal` or returns, whatever it is given.
2. What a check accepts, the reader of the same endpoint reads, with the same number of records.
3. A request that breaks no rule takes the short way: a typed decode and a few passes over columns. Only
   a request that does not pass it is looked at record by record, and only there are texts made; the careful
   way alone decides, so a request is never refused by the short way. A body above 1 MB goes both ways in
   pieces, so that its objects are never all in memory.
4. Every text a client can see stands in this package and in docs/specs/import-api.md.
"""
