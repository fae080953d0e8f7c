"""Where a stream is pushed to: an address that may be shown, and the secrets apart from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from stream_guard.errors import OutputError

_SCHEMES: Final = ("rtsp", "rtsps", "whip+http", "whip+https")


@dataclass(frozen=True, slots=True)
class Target:
    """A server that takes streams; as text it is its scheme, host and path alone."""

    url: str = field(repr=False)
    user: str = ""
    password: str | None = field(default=None, repr=False)
    """For WHIP the bearer token."""

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def target_of(url: str, user: str = "", password: str | None = None) -> Target:
    """Return the target; a user and a password in the address are taken out of it.

    Raises:
        OutputError: it is no address to push to.
    """
    try:
        parts = urlsplit(url)
        named = parts.hostname and (parts.port or True)
    except ValueError:
        named = False
    if not named or parts.scheme not in _SCHEMES:
        raise OutputError(
            f"streams are pushed to addresses that begin with {', '.join(_SCHEMES)} and a host."
        )
    netloc = parts.netloc.rpartition("@")[2]
    clean = urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))
    embedded = None if parts.password is None else unquote(parts.password)
    return Target(clean, user or unquote(parts.username or ""), embedded if password is None else password)
