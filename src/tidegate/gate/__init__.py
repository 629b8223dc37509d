"""
The gate: takes requests over HTTP, checks them, puts them into the journal, answers.

May import `control`, `journal` (contracts), `wire` and the words below. Never touches a warehouse.
Invariants:

1. 201 and 202 are sent only after `Journal.append` returned: the request is whole, on durable storage.
2. Whatever bytes come, the answer is one that docs/specs/import-api.md names; a defect is a logged 500.
3. Bodies held at a time are bounded (`inflight_bytes_max`); later ones wait, then get 503, never 429.
4. Nothing is told about a source before its token is known good; tokens and bodies are never logged.
5. Only this package (and what stands above it) is asynchronous; one writer thread calls the journal.
"""
