"""
The control store: accounts, users, sources, access tokens, destinations, load reports; a file for each noun.

May import errors and SQLAlchemy; Alembic only while migrating, cryptography only to seal, argon2 only to hash
passwords, each when first needed. Invariants
(docs/specs/control.md has them as numbered MUSTs):

1. Every statement is SQLAlchemy Core with bound values; a noun's functions take a `Connection` and decide
   nothing about transactions. Only `Store` opens, begins, commits and translates the driver's errors.
2. A secret is never stored: access tokens and sessions as SHA-256, passwords of users as argon2id, those of
   destinations encrypted with a key that is not in the store.
3. At most two access tokens of a source are active, whoever creates them at the same time.
4. A schema name never changes, and no two undeleted sources of an account have the same.
5. Whatever changes what a token stands for counts that in `grant_changes`, and nothing else does: each count
   makes every gate read its grants again.
"""
