"""Roles: what a person, or a program, may do in an account."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """
    Owners may do everything; members all but to manage users and Connect API access tokens; the rest reads.

    Source: docs/specs/control.md, C28.
    """

    OWNER = "owner"
    MEMBER = "member"
    READ_ONLY = "read-only"

    @property
    def may_change(self) -> bool:
        """Whether sources, their tokens and destinations may be changed."""
        return self is not Role.READ_ONLY

    @property
    def may_manage(self) -> bool:
        """Whether users and Connect API access tokens may be changed."""
        return self is Role.OWNER
