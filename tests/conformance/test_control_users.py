"""Users, sessions and guesses: every control store lets in whom it should, and nobody else."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from tidegate.control import (
    accounts,
    audit,
    connect_tokens,
    guesses,
    passwords,
    sessions,
    setup,
    signing_in,
    users,
)
from tidegate.control.accounts import Account
from tidegate.control.roles import Role
from tidegate.control.schema import guesses as kept_guesses
from tidegate.control.schema import now
from tidegate.control.store import Store
from tidegate.control.users import Member
from tidegate.errors import Conflict, InputInvalid, SignInRefused, TooManyGuesses, Unknown

DUCKDB = "duckdb:///folder/warehouse.duckdb"
PASSWORD = "the tide is in again"  # noqa: S105 - it opens nothing but a test's store
PASSWORD_HASH = passwords.hashed(PASSWORD)


@pytest.fixture
def ada(store: Store, account: Account) -> Member:
    """The owner of an account."""
    with store.writing() as conn:
        return users.create(
            conn, account.client_id, "Ada@Example.com", Role.OWNER, password_hash=PASSWORD_HASH
        )


# --- Users and roles --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "email",
    ["", "ada", "@x", "a@", "a b@x", "a@x\n", "ädä@example.com", "\u0430da@example.com", "a" * 250 + "@xyz"],
)
def test_what_is_no_address_is_refused(store: Store, ada: Member, email: str) -> None:
    """Addresses are ASCII, so that none looks like another; the letter in the eighth is Cyrillic. (C27)"""
    with store.writing() as conn, pytest.raises(InputInvalid):
        users.create(conn, ada.client_id, email, Role.MEMBER)


def test_an_address_belongs_to_one_user_in_any_case(store: Store, ada: Member) -> None:
    """Two people never share a name by the case of its letters. (C27)"""
    with store.writing() as conn:
        assert "ada@example.com" == ada.email
        assert [ada] == users.find(conn, "ADA@example.COM")
        with pytest.raises(Conflict):
            users.create(conn, ada.client_id, "aDa@example.com", Role.MEMBER)


def test_an_account_with_users_keeps_an_owner(store: Store, ada: Member) -> None:
    """The last owner cannot be removed, disabled or made less, and the first user is an owner. (C28)"""
    with store.writing() as conn:
        other = accounts.create(conn, "Other").client_id
        users.add(conn, ada.id, other, Role.OWNER)
    changes: list[Callable[..., object]] = [
        lambda conn: users.set_role(conn, ada.id, ada.client_id, Role.MEMBER),
        lambda conn: users.remove(conn, ada.id, ada.client_id),
        lambda conn: users.disable(conn, ada.id),
        lambda conn: users.create(conn, accounts.create(conn, "New").client_id, "bo@x", Role.MEMBER),
    ]
    for change in changes:
        with pytest.raises(Conflict, match="must have an owner"), store.writing() as conn:
            change(conn)
    with store.writing() as conn:
        assert {ada.client_id: Role.OWNER, other: Role.OWNER} == {
            each.client_id: each.role for each in users.list_(conn)
        }
        bo = users.create(conn, ada.client_id, "bo@x", Role.OWNER)
        users.remove(conn, ada.id, ada.client_id)
        assert [bo] == users.list_(conn, ada.client_id)
        assert users.role_of(conn, ada.id, ada.client_id) is None


def test_a_user_of_no_account_is_gone(store: Store, ada: Member) -> None:
    """Nothing is kept of who was removed everywhere, and the address is free. (C28)"""
    with store.writing() as conn:
        bo = users.create(conn, ada.client_id, "bo@x", Role.MEMBER, password_hash=PASSWORD_HASH)
        secret = sessions.start(conn, bo.id)
        users.remove(conn, bo.id, bo.client_id)
        assert sessions.find(conn, secret) is None
        with pytest.raises(Unknown):
            users.find(conn, "bo@x")
        assert bo.id < users.create(conn, ada.client_id, "bo@x", Role.MEMBER).id


def test_users_of_other_accounts_are_as_if_there_were_none(store: Store, ada: Member) -> None:
    """With an account given, another one's users are unknown. (C21)"""
    with store.writing() as conn:
        other = accounts.create(conn, "Other").client_id
        assert [] == users.list_(conn, other)
        for use in (
            lambda: users.find(conn, ada.email, client_id=other),
            lambda: users.get(conn, ada.id, other),
            lambda: users.set_role(conn, ada.id, other, Role.MEMBER),
            lambda: users.remove(conn, ada.id, other),
        ):
            with pytest.raises(Unknown):
                use()


@pytest.mark.parametrize(
    ("role", "may_change", "may_manage"),
    [(Role.OWNER, True, True), (Role.MEMBER, True, False), (Role.READ_ONLY, False, False)],
)
def test_roles_say_what_may_be_done(role: Role, *, may_change: bool, may_manage: bool) -> None:
    """Owners manage, members change, the rest reads. (C28)"""
    assert (may_change, may_manage) == (role.may_change, role.may_manage)


def test_changes_of_users_are_in_the_audit_log(store: Store, ada: Member) -> None:
    """Each is noted in every account it concerns, and no password or hash is. (C25)"""
    with store.writing(actor="Grace") as conn:
        other = accounts.create(conn, "Other").client_id
        users.add(conn, ada.id, other, Role.OWNER)
        users.create(conn, other, "bo@x", Role.OWNER)
        users.set_password(conn, ada.id, PASSWORD_HASH)
        users.disable(conn, users.create(conn, other, "cy@x", Role.MEMBER).id)
        users.remove(conn, ada.id, other)
        found = audit.latest(conn, 99, client_id=other, who="grace", what="user")
        first = audit.latest(conn, 1, client_id=ada.client_id)
    assert [
        ("user added", "ada@example.com (owner)"),
        ("user created", "bo@x (owner)"),
        ("user password changed", "ada@example.com"),
        ("user created", "cy@x (member)"),
        ("user disabled", "cy@x"),
        ("user removed", "ada@example.com"),
    ] == [(each.action, each.subject) for each in found][::-1]
    assert ["user password changed"] == [each.action for each in first]
    assert "argon2" not in str(found)


# --- Signing in -------------------------------------------------------------------------------------------


def test_who_knows_the_password_is_signed_in(store: Store, ada: Member) -> None:
    """The session is found by its secret, which the store does not keep, until it is ended. (C29)"""
    signed_in = signing_in.sign_in(store, "ADA@example.com", PASSWORD)
    assert signed_in.secret not in repr(signed_in)
    with store.writing() as conn:
        found = sessions.find(conn, signed_in.secret)
        assert found is not None
        assert (ada.id, ada.email) == (found.user_id, found.email)
        assert users.get(conn, ada.id, ada.client_id).signed_in_at is not None
        sessions.end(conn, signed_in.secret)
        sessions.end(conn, signed_in.secret)
        assert sessions.find(conn, signed_in.secret) is None


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@example.com", "the tide is out again"),
        ("ada@example.com", ""),
        ("ada@example.com", "\ud800" * 20),
        ("ada@example.com", PASSWORD + " "),
        ("ada@example.com", "x" * 1_000_000),
        ("nobody@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("disabled@example.com", PASSWORD),
        ("without@example.com", PASSWORD),
    ],
)
def test_everybody_else_gets_one_answer(store: Store, ada: Member, email: str, password: str) -> None:
    """Whether it is the address or the password that is wrong is not told. (C29)"""
    with store.writing() as conn:
        off = users.create(
            conn, ada.client_id, "disabled@example.com", Role.MEMBER, password_hash=PASSWORD_HASH
        )
        users.disable(conn, off.id)
        users.create(conn, ada.client_id, "without@example.com", Role.MEMBER)
    with pytest.raises(SignInRefused, match=r"^the email address or the password is wrong$"):
        signing_in.sign_in(store, email, password)


def test_an_unknown_user_costs_as_much_as_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt is one verification of the same parameters, so the time tells nothing. (C29)"""
    hasher = passwords._hasher()
    seen: list[str] = []
    real = hasher.verify

    def verify(password_hash: str, password: bytes) -> bool:
        seen.append(password_hash.rpartition("$")[0].rpartition("$")[0])
        return real(password_hash, password)

    monkeypatch.setattr(type(hasher), "verify", lambda _self, *given: verify(*given))
    for password_hash in (PASSWORD_HASH, None):
        assert not passwords.fits("wrong", password_hash)
    assert ["$argon2id$v=19$m=47104,t=1,p=1"] * 2 == seen


def test_guessing_is_slowed_down_for_every_name_alike(
    store: Store, ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some wrong passwords the right one is refused too, and for names that nobody has. (C30)"""
    monkeypatch.setattr(guesses, "GUESSES_MAX", 3)
    for email in (ada.email, "nobody@example.com"):
        for _ in range(3):
            with pytest.raises(SignInRefused):
                signing_in.sign_in(store, email, "wrong")
        with pytest.raises(TooManyGuesses) as caught:
            signing_in.sign_in(store, email, PASSWORD)
        assert 0 < caught.value.retry_after_s <= guesses.WINDOW_S
    with store.writing() as conn:
        past = now() - timedelta(seconds=guesses.WINDOW_S)
        conn.execute(kept_guesses.update().values(since=past))
    assert ada.id == signing_in.sign_in(store, ada.email, PASSWORD).user_id


def test_a_right_password_or_a_new_one_ends_the_count(
    store: Store, ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People who mistype now and then are never shut out; an operator lets them in again. (C30)"""
    monkeypatch.setattr(guesses, "GUESSES_MAX", 2)
    for _ in range(3):
        with pytest.raises(SignInRefused):
            signing_in.sign_in(store, ada.email, "wrong")
        signing_in.sign_in(store, ada.email, PASSWORD)
    for _ in range(2):
        with pytest.raises(SignInRefused):
            signing_in.sign_in(store, ada.email, "wrong")
    with store.writing() as conn:
        users.set_password(conn, ada.id, PASSWORD_HASH)
    signing_in.sign_in(store, ada.email, PASSWORD)


def test_what_is_kept_of_guesses_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up names fill no disk, and no name is kept as it was typed. (C30)"""
    monkeypatch.setattr(guesses, "KEPT_MAX", 5)
    with store.writing() as conn:
        for number in range(20):
            guesses.count(conn, f"{number}@x")
        kept = conn.execute(kept_guesses.select()).all()
    assert 5 == len(kept)
    assert "19@x" not in str(kept)


def test_a_new_password_and_disabling_sign_out_everywhere(store: Store, ada: Member) -> None:
    """Whoever stole a session loses it, and links that were not used are void. (C29)"""
    changes: list[Callable[..., object]] = [
        lambda conn: users.set_password(conn, ada.id, PASSWORD_HASH),
        lambda conn: users.disable(conn, ada.id),
    ]
    for change in changes:
        with store.writing() as conn:
            users.enable(conn, ada.id)
            if len(users.list_(conn)) == 1:
                users.create(conn, ada.client_id, "bo@x", Role.OWNER)
            session, link = sessions.start(conn, ada.id), sessions.create_link(conn, ada.id)
            change(conn)
            users.enable(conn, ada.id)
            assert (None, None) == (sessions.find(conn, session), sessions.use_link(conn, link))


def test_a_link_signs_in_once(store: Store, ada: Member) -> None:
    """A used, an expired and a made-up link open nothing, and a session's secret is no link. (C29)"""
    with store.writing() as conn:
        link = sessions.create_link(conn, ada.id)
        expired = sessions.create_link(conn, ada.id, lifetime_s=-1)
        assert sessions.find(conn, link) is None
        session = sessions.use_link(conn, link)
        assert session is not None
        assert sessions.find(conn, session) is not None
        for wrong in (link, expired, session, "", "si_" + "x" * 43):
            assert sessions.use_link(conn, wrong) is None


def test_a_session_ends_by_itself(store: Store, ada: Member) -> None:
    """Nobody stays signed in for ever, and a user has a bounded number of sessions. (C29)"""
    with store.writing() as conn:
        assert sessions.find(conn, sessions.start(conn, ada.id, lifetime_s=-1)) is None
        made = [sessions.start(conn, ada.id) for _ in range(sessions.KEPT_MAX + 2)]
        left = [sessions.find(conn, each) is not None for each in made]
    assert [False] * 2 + [True] * sessions.KEPT_MAX == left


def test_a_session_is_no_token_and_a_token_no_session(store: Store, ada: Member) -> None:
    """What a browser holds opens neither API, and what a program holds opens no page. (C22, C29)"""
    with store.writing() as conn:
        session, link = sessions.start(conn, ada.id), sessions.create_link(conn, ada.id)
        _, secret = connect_tokens.create(conn, ada.client_id)
        assert [None, None] == [connect_tokens.find(conn, each) for each in (session, link)]
        assert sessions.find(conn, secret) is None


# --- Passwords --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["", "x" * 11, "x" * 201, "\ud800" * 20])
def test_a_password_has_bounds_and_is_never_repeated(password: str) -> None:
    """Short ones can be guessed; the refusal does not say what was typed. (C29)"""
    with pytest.raises(InputInvalid) as caught:
        passwords.hashed(password)
    assert not password or password not in str(caught.value)


def test_a_password_typed_on_another_keyboard_is_the_same() -> None:
    """Characters that look the same because they are the same fit each other. (C29)"""
    assert passwords.fits("Zu\u0308rich am See", passwords.hashed("Z\u00fcrich am See"))


def test_a_password_is_hashed_anew_when_parameters_change(store: Store, ada: Member) -> None:
    """An old hash is replaced at the next right password. (C29)"""
    old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD.encode())
    with store.writing() as conn:
        users.set_password(conn, ada.id, old)
    signing_in.sign_in(store, ada.email, PASSWORD)
    with store.reading() as conn:
        kept = conn.exec_driver_sql("SELECT password_hash FROM users").scalar_one()
    assert not passwords.outdated(kept)
    assert passwords.outdated(old)


def test_generated_passwords_can_be_read_out() -> None:
    """Four groups of five letters that nobody takes for others, different each time. (C29)"""
    made = {passwords.generated() for _ in range(500)}
    assert 500 == len(made)
    assert [] == [
        each for each in made if not re.fullmatch(r"[a-hj-km-np-z2-9]{5}(-[a-hj-km-np-z2-9]{5}){3}", each)
    ]


# --- The first start --------------------------------------------------------------------------------------


def test_the_first_start_makes_an_owner(store: Store) -> None:
    """The owner signs in with the password that is told this once. (C19)"""
    first = setup.set_up(store, destination_url=DUCKDB, owner_email="owner@localhost")
    assert first is not None
    assert first.password not in repr(first)
    assert "owner@localhost" == signing_in.sign_in(store, first.owner_email, first.password).email
    assert setup.set_up(store, destination_url=DUCKDB, owner_email="owner@localhost") is None
    with store.reading() as conn:
        assert [Role.OWNER] == [each.role for each in users.list_(conn, first.client_id)]


def test_an_owner_who_cannot_sign_in_is_refused_before_anything_is_made(store: Store) -> None:
    """The setting is named, and the start repeated as if nothing had been. (C19)"""
    with pytest.raises(InputInvalid, match="owner_email is 'nobody'"):
        setup.set_up(store, destination_url=DUCKDB, owner_email="nobody")
    with store.reading() as conn:
        assert [] == accounts.list_(conn)


def test_of_many_guesses_at_once_none_is_free(
    store: Store, ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attempts are counted before they are compared, so quickness gains nothing. (C30)"""
    monkeypatch.setattr(guesses, "GUESSES_MAX", 3)

    def attempt(_number: int) -> str:
        try:
            signing_in.sign_in(store, ada.email, "wrong")
        except (SignInRefused, TooManyGuesses) as exc:
            return exc.code
        return "in"

    with ThreadPoolExecutor(6) as pool:
        codes = sorted(pool.map(attempt, range(6)))
    assert ["sign_in_refused"] * 3 + ["too_many_guesses"] * 3 == codes
