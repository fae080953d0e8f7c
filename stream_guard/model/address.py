"""Addresses in networks, whose passwords are never shown."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

_PASSWORD_IN_PATH: Final = re.compile(r"((?:pass(?:word|wd)?|pwd)=)[^&;/]*", re.IGNORECASE)
"""Some cameras want it there: /user=admin_password=xyz_channel=1_stream=0.sdp."""


@dataclass(frozen=True, slots=True)
class SafeUrl:
    """An address apart from its secrets; as text it is its scheme, host and path alone."""

    url: str = field(repr=False)
    """Without user and password, but with a query that may hold a token."""
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
        if "@" in parts.path:  # what stands before it may be a password with a slash in it
            raise ValueError("write %2F for a slash in a password, and %40 for an @")
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
        path = _PASSWORD_IN_PATH.sub(r"\1***", parts.path)
        return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a host, by its address or name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
