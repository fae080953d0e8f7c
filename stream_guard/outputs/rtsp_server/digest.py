"""Digest access authentication (RFC 2069, the form that every RTSP client knows)."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

from stream_guard.outputs.digest import fields_of, hashed

REALM: Final = "stream_guard"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who may watch."""

    user: str
    password: str = field(repr=False)


class Gate:
    """Lets one connection in: its nonce serves nobody else, so that nothing overheard can be used again."""

    def __init__(self, credentials: Credentials | None) -> None:
        """None lets everybody in."""
        self._credentials = credentials
        self._nonce = secrets.token_hex(16)
        self.failures = 0

    @property
    def challenge(self) -> str:
        """The value of WWW-Authenticate."""
        return f'Digest realm="{REALM}", nonce="{self._nonce}", algorithm=MD5'

    def admits(self, method: str, authorization: str | None) -> bool:
        """Tell whether a request's Authorization header is right."""
        if self._credentials is None:
            return True
        if authorization is None:
            return False
        scheme, _, rest = authorization.partition(" ")
        given = fields_of(rest)
        admitted = scheme.lower() == "digest" and self._is_right(method, given, self._credentials)
        self.failures += not admitted
        return admitted

    def _is_right(self, method: str, given: dict[str, str], who: Credentials) -> bool:
        first = hashed(f"{who.user}:{REALM}:{who.password}")
        second = hashed(f"{method}:{given.get('uri', '')}")
        expected = {
            "username": who.user,
            "realm": REALM,
            "nonce": self._nonce,
            "response": hashed(f"{first}:{self._nonce}:{second}"),
        }
        same = [
            hmac.compare_digest(given.get(name, "").encode(), value.encode())
            for name, value in expected.items()
        ]
        return all(same)
