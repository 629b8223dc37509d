"""How a command on the server's machine reaches it: its address, and a token of the command's own."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from tidegate.cli.accounts import within
from tidegate.cli.choosing import chosen_source
from tidegate.cli.context import server_file
from tidegate.errors import ServerUnreachable, Unknown

if TYPE_CHECKING:
    from tidegate.control.store import Store
    from tidegate.settings import Settings


def local_url(settings: Settings, *, otherwise: str = "") -> str:
    """
    Return where the server of a data folder listens.

    Errors: ServerUnreachable when none runs; `otherwise` is what people can do beside starting one.
    """
    running = server_file(settings)
    if running is None:
        raise ServerUnreachable(
            f"no server runs on {settings.data_dir};"
            f" start `tidegate serve`, or name another --data-dir{otherwise}"
        )
    return str(running["base_url"])


class LocalToken:
    """
    Makes short-lived tokens for one source, one after the other, and takes back the last.

    Shape: `source` as people name it; None for the only one, of that account alone.
    """

    def __init__(self, store: Store, source: str | None, account: int | None = None) -> None:
        self._store = store
        self._source = source
        self._account = account
        self._token_id: int | None = None

    def __call__(self) -> str:
        """Make a token, and take back the one before."""
        from tidegate.control import tokens

        self.close()
        with self._store.writing() as conn:
            client_id = within(conn, self._account)
            source = chosen_source(conn, self._source, first_will_do=False, client_id=client_id)
            token, secret = tokens.create_local(conn, source.id)
        self._token_id = token.id
        return secret

    def close(self) -> None:
        """Take the token back. Safe to repeat, also when it is gone already."""
        from tidegate.control import tokens

        token_id, self._token_id = self._token_id, None
        if token_id is None:
            return
        with suppress(Unknown), self._store.writing() as conn:
            tokens.revoke(conn, token_id)
