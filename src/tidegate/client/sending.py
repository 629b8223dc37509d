"""One request to the server, tried again while that makes sense."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

from tidegate.errors import InputInvalid, ServerUnreachable

WAIT_S_FIRST = 0.2
WAIT_S_MAX = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server said in the end, and how often it had to be asked again."""

    response: httpx.Response
    retries: int


class Sender:
    """
    Speaks HTTP with one server.

    `access_token` is a token, or a function that makes one: it is asked at the first request, and once more
    when the server answers 401, because a token made for a short time may have expired.
    Units: `patience_s` bounds the time from the first attempt to the start of the last, `timeout_s` each
    silence of the server.
    """

    def __init__(
        self,
        base_url: str,
        access_token: str | Callable[[], str],
        *,
        patience_s: float,
        timeout_s: float,
        on_wait: Callable[[str], None],
    ) -> None:
        self._make_token = None if isinstance(access_token, str) else access_token
        self._token = access_token if isinstance(access_token, str) else None
        self._patience_s = patience_s
        self._on_wait = on_wait
        # A proxy from the environment is for other hosts, never for a server on this machine.
        nearby = ("all://localhost", "all://127.0.0.1", "all://[::1]")
        self._http = httpx.Client(
            base_url=_checked(base_url),
            timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, 10.0)),
            mounts=dict.fromkeys(nearby),
        )

    def get(self, path: str) -> Answer:
        """Ask without a token. Errors: ServerUnreachable."""
        return self._insist(self._http.build_request("GET", path))

    def post(self, path: str, content: bytes, *, key: str | None = None) -> Answer:
        """
        Send JSON with the token and return the first answer below 500.

        All attempts carry one idempotency key, so that a server which knows keys keeps them once: the one
        given, which later calls may repeat, or one made for this call.
        Errors: ServerUnreachable when the patience is used up.
        """
        key = key or secrets.token_hex(16)
        answer = self._insist(self._request(path, content, self._current_token(), key))
        if answer.response.status_code == httpx.codes.UNAUTHORIZED and self._make_token is not None:
            self._token = self._make_token()
            again = self._insist(self._request(path, content, self._token, key))
            return Answer(response=again.response, retries=answer.retries + 1 + again.retries)
        return answer

    def close(self) -> None:
        """Close the connections. Safe to repeat."""
        self._http.close()

    def _current_token(self) -> str:
        if self._token is None and self._make_token is not None:
            self._token = self._make_token()
        return self._token or ""

    def _request(self, path: str, content: bytes, token: str, key: str) -> httpx.Request:
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }
        return self._http.build_request("POST", path, content=content, headers=headers)

    def _insist(self, request: httpx.Request) -> Answer:
        """Send a request until it is answered with something else than 5xx."""
        started = time.monotonic()
        retries = 0
        while True:
            retry_after_s: float | None = None
            try:
                response = self._http.send(request)
            except httpx.TransportError as exc:
                why = str(exc) or type(exc).__name__
            else:
                if response.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    return Answer(response=response, retries=retries)
                why = f"it answered {response.status_code} {response.text[:200]}".rstrip()
                retry_after_s = parse_retry_after(response.headers.get("Retry-After"), time.time())
            # Jitter, so that clients cut off together do not come back together.
            wait_s = next_wait_s(retries, retry_after_s, random.random())  # noqa: S311 - guards no secret
            spent_s = time.monotonic() - started
            if spent_s + wait_s > self._patience_s:
                raise ServerUnreachable(
                    f"{request.url.copy_with(path='/')} could not take the request ({retries + 1} attempts"
                    f" in {spent_s:.1f} s): {why}; check the server and its URL, then send the rows again"
                )
            self._on_wait(why)
            time.sleep(wait_s)
            retries += 1


def next_wait_s(retries: int, retry_after_s: float | None, jitter: float) -> float:
    """
    Return how long to wait before the next attempt: doubling, with jitter, never less than the server asks.

    Shape: `retries` made so far, `jitter` from 0 to 1 -> at least half of the doubled wait. Units: s.
    """
    doubled = min(WAIT_S_MAX, WAIT_S_FIRST * 2.0 ** min(retries, 30))
    return max(doubled * (0.5 + jitter / 2), retry_after_s or 0.0)


def parse_retry_after(text: str | None, now_s: float) -> float | None:
    """Return the seconds a `Retry-After` header asks for, as number or date; None when it says nothing."""
    if text is None:
        return None
    try:
        return max(
            0.0, float(text) if text.strip().isdigit() else parsedate_to_datetime(text).timestamp() - now_s
        )
    except (ValueError, OverflowError):
        return None


def _checked(base_url: str) -> str:
    """Return the base URL without the API's path, which people often copy along."""
    try:
        url = httpx.URL(base_url.strip().rstrip("/").removesuffix("/v2/import").removesuffix("/v2"))
    except httpx.InvalidURL as exc:
        raise InputInvalid(
            f"{base_url!r} is not a URL ({exc}); give one such as http://127.0.0.1:8080"
        ) from exc
    if url.scheme not in {"http", "https"} or not url.host:
        raise InputInvalid(f"{base_url!r} is not an http URL; give one such as http://127.0.0.1:8080")
    return str(url)
