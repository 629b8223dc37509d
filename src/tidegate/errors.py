"""
Every failure Tidegate names, in one tree.

    TidegateError
    ├── Refusal                      an answer of the Import API, given to the client who sent the request
    │   ├── NotFound 404             MethodNotAllowed 405
    │   ├── InvalidRegion 401        NotAuthorized 401       SourceNotActive 401
    │   ├── ClientIdMissing 401      ClientMismatch 403
    │   ├── UnsupportedContentType 415                       UnsupportedContentEncoding 415
    │   ├── BodyTooLarge 413         BodyTooSlow 504
    │   ├── MalformedBody 400        ArrayExpected 400       RecordCountOutOfBounds 400
    │   ├── RecordsRefused 422       (push and validate)
    │   ├── BatchRefused 400         (batch)
    │   ├── IdempotencyKeyInvalid 400                        IdempotencyKeyReused 422
    │   └── Unavailable 503          TimedOut 504            Failed 500
    ├── Declined                     an answer of the Connect API, given to the program that called it
    ├── JournalError
    │   ├── JournalFull              JournalUnavailable      JournalUnusable
    ├── DestinationError
    │   ├── DestinationDown          DestinationBusy         AccessDenied
    │   ├── LoadRefused              LoadConflict            QueryFailed
    │   ├── TableHeld
    ├── NotifierError
    │   ├── CallFailed               CallRefused             MailFailed              MailRefused
    ├── ControlError
    │   ├── Unknown                  Conflict                InvalidName             InvalidUrl
    │   ├── SignInRefused            TooManyGuesses
    │   ├── ControlUnavailable       ControlUnusable
    └── CommandError
        ├── SettingInvalid           DataDirUnusable         DataDirInUse     AddressInUse
        ├── InputInvalid             ServerUnreachable       PushRefused      NotSetUp

A class has `code` (stable, documented in docs/reference/errors.md), `status` (HTTP), `exit_code`
(0 fine, 1 failed, 2 wrong use, 3 unavailable now and worth a retry, 4 refused by the other side) and
`retryable`. A message says what, where, what was found and what to do. `Refusal` texts that reach the wire
are contracts: they stand in `tidegate.wire.answers`, rendered from the fields kept here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar


class TidegateError(Exception):
    """The root: something Tidegate has a name for."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False


# --- Answers of the Import API -----------------------------------------------------------------------------


class Refusal(TidegateError):
    """A request answered with something else than success. Source: docs/specs/import-api.md, 6.4 and 7.6."""

    code = "refused"
    exit_code = 4


class NotFound(Refusal):
    """No such path."""

    code, status = "not_found", 404


class MethodNotAllowed(Refusal):
    """The path exists, the method does not; answered in plain text. Shape: `allowed` are those it takes."""

    code, status = "method_not_allowed", 405

    def __init__(self, method: str, path: str, allowed: Iterable[str]) -> None:
        super().__init__(f"{method} is not for {path}")
        self.allowed = sorted(allowed)


class InvalidRegion(Refusal):
    """The token belongs to another region than this deployment."""

    code, status = "invalid_region", 401


class NotAuthorized(Refusal):
    """The token is missing, malformed, unknown, expired or revoked."""

    code, status = "not_authorized", 401


class SourceNotActive(Refusal):
    """The token is good, but its source is paused or deleted."""

    code, status = "source_not_active", 401


class ClientIdMissing(Refusal):
    """A pushed record has no `client_id`."""

    code, status = "client_id_missing", 401


class ClientMismatch(Refusal):
    """The records' `client_id` is another account's."""

    code, status = "client_mismatch", 403


class UnsupportedContentType(Refusal):
    """The body is of a media type the endpoint does not take. `batch` answers in plain text."""

    code, status = "unsupported_content_type", 415

    def __init__(self, media_type: str, *, batch: bool) -> None:
        super().__init__(f"content type {media_type!r} is not supported")
        self.media_type = media_type
        self.batch = batch


class UnsupportedContentEncoding(Refusal):
    """The body is encoded in a way, or more than once, that nobody undoes. `batch` answers in plain text."""

    code, status = "unsupported_content_encoding", 415

    def __init__(self, encoding: str, *, batch: bool) -> None:
        super().__init__(f"content encoding {encoding!r} is not supported")
        self.encoding = encoding
        self.batch = batch


class BodyTooLarge(Refusal):
    """The body is over the limit. Units: bytes; of a body cut off while reading, the bytes seen so far."""

    code, status = "body_too_large", 413

    def __init__(self, body_bytes: int, body_bytes_max: int) -> None:
        super().__init__(f"body has {body_bytes} bytes, limit {body_bytes_max}; send smaller requests")
        self.body_bytes = body_bytes


class BodyTooSlow(Refusal):
    """
    The body did not arrive in time; the connection is closed so that a slow drip holds nothing.

    Not 408: published clients give up on every 4xx, and a slow line is worth another try.
    """

    code, status, exit_code, retryable = "body_too_slow", 504, 3, True


class MalformedBody(Refusal):
    """The body is not JSON (or Transit). `detail` says what and where, with line and column."""

    code, status = "malformed_body", 400

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class ArrayExpected(Refusal):
    """The root is not a non-empty array of objects."""

    code, status = "array_expected", 400


class RecordCountOutOfBounds(Refusal):
    """More records than one request may carry."""

    code, status = "record_count_out_of_bounds", 400


class RecordsRefused(Refusal):
    """
    One or more pushed records break a rule; nothing of the request was kept.

    Shape: `reasons` holds, per failing record in order, a text or a mapping of field to messages.
    """

    code, status = "records_refused", 422

    def __init__(self, reasons: Sequence[str | dict[str, list[str]]]) -> None:
        super().__init__(f"{len(reasons)} records refused, the first: {reasons[0]}")
        self.reasons = reasons


class BatchRefused(Refusal):
    """A batch body breaks a rule; `text` is the documented sentence."""

    code, status = "batch_refused", 400

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class IdempotencyKeyInvalid(Refusal):
    """The `Idempotency-Key` header is not 1 to 255 visible ASCII characters."""

    code, status = "idempotency_key_invalid", 400


class IdempotencyKeyReused(Refusal):
    """The source has used this idempotency key for a request with other contents."""

    code, status = "idempotency_key_reused", 422


class Unavailable(Refusal):
    """Accepting is impossible right now; the client should send the same request again."""

    code, status, exit_code, retryable = "unavailable", 503, 3, True

    def __init__(self, why: str, *, retry_after_s: int = 5) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class TimedOut(Refusal):
    """The request could not be handled in the time a client waits."""

    code, status, exit_code, retryable = "timed_out", 504, 3, True


class Failed(Refusal):
    """A defect of ours; the log has the details under the request id."""

    code, status = "failed", 500


# --- Answers of the Connect API ----------------------------------------------------------------------------


class Declined(TidegateError):
    """
    A call of the Connect API answered with something else than success.

    Shape: `answer_status` is the HTTP status; `body` is sent, a text as plain text, anything else as JSON.
    `retry_after_s` is when the call may be made, if that is known.
    """

    code, status, exit_code = "declined", 400, 4

    def __init__(self, body: Any, *, status: int = 400, retry_after_s: int | None = None) -> None:
        super().__init__(f"{status}: {body}")
        self.answer_status = status
        self.body = body
        self.retry_after_s = retry_after_s


# --- Journal -----------------------------------------------------------------------------------------------


class JournalError(TidegateError):
    """The journal could not do what was asked."""

    code, status, exit_code = "journal_error", 503, 3


class JournalFull(JournalError):
    """The journal reached its size limit, or its disk is full; nothing of the call was kept."""

    code, retryable = "journal_full", True


class JournalUnavailable(JournalError):
    """The journal's storage failed or stayed locked; nothing of the call was kept."""

    code, retryable = "journal_unavailable", True


class JournalUnusable(JournalError):
    """The journal cannot be opened: damaged beyond entries, or written by a newer release."""

    code = "journal_unusable"


# --- Destinations ------------------------------------------------------------------------------------------


class DestinationError(TidegateError):
    """A warehouse did not do what was asked. The message carries the warehouse's own words."""

    code, exit_code = "destination_error", 3


class DestinationDown(DestinationError):
    """The warehouse cannot be reached, has no space, or dropped the connection."""

    code, retryable = "destination_down", True


class DestinationBusy(DestinationError):
    """Another process holds the warehouse file; it is asked again shortly."""

    code, retryable = "destination_busy", True


class AccessDenied(DestinationError):
    """The warehouse refuses these credentials, or lacks a privilege; retried, because people grant it."""

    code, retryable = "access_denied", True


class LoadRefused(DestinationError):
    """The warehouse refuses this data, and would again: the load is cut down to the record at fault."""

    code = "load_refused"


class LoadConflict(DestinationError):
    """The position in the warehouse is not the one this load starts from: another loader was faster."""

    code, retryable = "load_conflict", True


class TableHeld(DestinationError):
    """The warehouse takes nothing into one table until a person changes that; other tables can load."""

    code, retryable = "table_held", True

    def __init__(self, schema_name: str, table_name: str, reason: str) -> None:
        super().__init__(f"{schema_name}.{table_name} waits: {reason}")
        self.schema_name = schema_name
        self.table_name = table_name
        self.reason = reason


class QueryFailed(DestinationError):
    """A query asked by a person failed; the message is the warehouse's."""

    code, exit_code = "query_failed", 4


# --- The notifier ------------------------------------------------------------------------------------------


class NotifierError(TidegateError):
    """What was to be sent was not taken. Shape: `http_status` is what a hook answered, if it did."""

    code, exit_code = "notifier_error", 1

    def __init__(self, message: str, *, http_status: int | None = None) -> None:
        super().__init__(message)
        self.http_status = http_status


class CallFailed(NotifierError):
    """A hook cannot be reached, is too slow, or does not answer with success."""

    code, retryable = "call_failed", True


class CallRefused(NotifierError):
    """A hook leads to an address that must not be called."""

    code = "call_refused"


class MailFailed(NotifierError):
    """The mail server cannot be reached, or does not take a mail now."""

    code, retryable = "mail_failed", True


class MailRefused(NotifierError):
    """The mail server will never take this mail."""

    code = "mail_refused"


# --- Control store -----------------------------------------------------------------------------------------


class ControlError(TidegateError):
    """The control store refuses a change."""

    code, status, exit_code = "control_error", 400, 4


class Unknown(ControlError):
    """There is no such account, source, token or destination."""

    code, status = "unknown", 404


class Conflict(ControlError):
    """The change breaks a rule of uniqueness or number, such as two active tokens for each source."""

    code = "conflict"


class InvalidName(ControlError):
    """A display name gives no usable schema name."""

    code = "invalid_name"


class InvalidUrl(ControlError):
    """An address that a hook cannot be called at: https, a host, no user name or password."""

    code, status, exit_code = "invalid_url", 400, 2


class SignInRefused(ControlError):
    """Nobody can sign in like this: the user is unknown or disabled, or the password is wrong."""

    code, status = "sign_in_refused", 401

    def __init__(self) -> None:
        super().__init__("the email address or the password is wrong")


class TooManyGuesses(ControlError):
    """Somebody tried too often to sign in under this name. Units: seconds until it may be tried again."""

    code, status, exit_code, retryable = "too_many_guesses", 429, 3, True

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"too many attempts to sign in; try again in {retry_after_s:.0f} s")
        self.retry_after_s = retry_after_s


class ControlUnavailable(ControlError):
    """The control store's storage failed or stayed locked; nothing of the change was kept."""

    code, status, exit_code, retryable = "control_unavailable", 503, 3, True


class ControlUnusable(ControlError):
    """The control store cannot be used: damaged, written by a newer release, or its key is another."""

    code, status, exit_code = "control_unusable", 503, 1


# --- Commands ----------------------------------------------------------------------------------------------


class CommandError(TidegateError):
    """A command cannot go on; the message says what to do."""

    code = "command_error"


class SettingInvalid(CommandError):
    """A setting is unknown or out of its bounds."""

    code, exit_code = "setting_invalid", 2

    def __init__(self, name: str, found: Any, wanted: str, origin: str) -> None:
        super().__init__(f"setting {name} is {found!r} (from {origin}); it must be {wanted}")


class InputInvalid(CommandError):
    """A file or an argument given to a command cannot be used."""

    code, exit_code = "input_invalid", 2


class DataDirUnusable(CommandError):
    """The data folder cannot be created, read or written."""

    code = "data_dir_unusable"


class DataDirInUse(CommandError):
    """Another Tidegate runs on this data folder."""

    code, exit_code = "data_dir_in_use", 3


class AddressInUse(CommandError):
    """Another program listens on the address."""

    code, exit_code = "address_in_use", 3


class NotSetUp(CommandError):
    """The data folder has never been served."""

    code, exit_code = "not_set_up", 2


class ServerUnreachable(CommandError):
    """The server did not answer, or only with 5xx, until the retries were used up."""

    code, exit_code, retryable = "server_unreachable", 3, True


class PushRefused(CommandError):
    """
    The server refused the records for good (4xx); the message is its answer.

    Shape: `row_index` is the row at fault among those given, from 0; None when the answer names none.
    """

    code, exit_code = "push_refused", 4

    def __init__(self, message: str, *, row_index: int | None = None) -> None:
        super().__init__(message)
        self.row_index = row_index
