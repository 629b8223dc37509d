"""
The Connect API, version 4: an account run by programs over HTTP. One file for each resource.

May import `control`, `journal`, `destinations` (contracts), `wire`, `tables` and the words below. Invariants
(docs/specs/connect-api.md has them as numbered MUSTs):

1. Only a Connect API access token in the `Authorization` header lets anyone in; cookies are not read.
2. A handler sees one account, the token's; it passes that account's `client_id` to every look-up.
3. Handlers are plain functions in threads of their own; the event loop, which the Import API shares, only
   passes bytes on.
4. `ROUTES` in `routes.py` is the whole interface: the server, the page and the tests of isolation read it.
5. No secret is ever answered, but a new access token once.
"""
