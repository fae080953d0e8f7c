"""Addresses of cameras, whose passwords are never shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit, urlunsplit


@dataclass(frozen=True, slots=True)
class SafeUrl:
    """An address apart from its secrets; as text it is its scheme, host and path alone."""

    url: str
    """Without user and password."""
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parsed(cls, text: str, user: str = "", password: str = "") -> SafeUrl:
        """Take user and password out of an address; those given apart go before.

        Raises:
            ValueError: it is no address.
        """
        parts = urlsplit(text)
        if not parts.hostname or not (parts.port is None or parts.port):
            raise ValueError("it names no host")
        bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
        return cls(bare, user or unquote(parts.username or ""), password or unquote(parts.password or ""))

    @property
    def with_secrets(self) -> str:
        """What a client needs to log in; never to be shown."""
        if not self.user:
            return self.url
        parts = urlsplit(self.url)
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return urlunsplit((parts.scheme, f"{login}@{parts.netloc}", parts.path, parts.query, ""))

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
