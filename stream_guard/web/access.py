"""Who may use the server: host and origin lists, and the token."""

from __future__ import annotations

import hashlib
import hmac
import html
import ipaddress
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from stream_guard.errors import SettingsError
from stream_guard.model.address import is_loopback
from stream_guard.settings.web import Web
from stream_guard.web.headers import with_headers
from stream_guard.web.refusal import problem

COOKIE: Final = "stream_guard"
LEAST_TOKEN: Final = 16
_COOKIE_S: Final = 30 * 24 * 3600
_HEALTH: Final = "/healthz"
_PAGES: Final = {"/", "/live", "/docs"}
_NOT_KNOWN: Final = (
    "A token is needed: open this page once with ?token=... at the end of its address, or send it as a "
    "bearer token."
)
_OWN: Final = {"same-origin", "none"}


def token_of(web: Web) -> str:
    """Return the token, empty where none is needed."""
    return web.token.get_secret_value() if web.token is not None else ""


def check(web: Web) -> None:
    """Refuse settings that would let strangers in.

    Raises:
        SettingsError: others could reach the server without a token, or the token is too short to be one.
    """
    token = token_of(web)
    if token and len(token) < LEAST_TOKEN:
        raise SettingsError(f"web.token is too short to be safe; take {LEAST_TOKEN} characters or more")
    if not token and needs_token(web):
        reached = "through the proxy" if is_loopback(web.host) else f"at web.host {web.host}"
        raise SettingsError(
            f"others can reach the server {reached}, but there is no web.token; set "
            "STREAM_GUARD_WEB_TOKEN, or listen at 127.0.0.1 without a proxy"
        )
    if bool(web.tls_certificate) != bool(web.tls_key):
        raise SettingsError("web.tls_certificate and web.tls_key go together; give both or none")
    if not (is_loopback(web.host) or web.tls_certificate or web.behind_proxy):
        raise SettingsError(
            f"web.host is {web.host}, where others could read token and pictures on their way; give "
            "web.tls_certificate and web.tls_key, or web.behind_proxy if a proxy ends TLS"
        )


def needs_token(web: Web) -> bool:
    """Tell whether others can reach the server, by themselves or through a proxy."""
    return web.behind_proxy or not is_loopback(web.host)


class Gate:
    """Stands before the app: turns away foreign hosts, origins and sites, and who lacks the token."""

    def __init__(self, app: ASGIApp, web: Web) -> None:
        self._app = app
        self._names = {"localhost", web.host.lower(), *(name.lower() for name in web.allowed_hosts)}
        self._token = token_of(web).encode()
        self._cookie = hmac.new(self._token, b"stream_guard cookie", hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        refusal = self._refusal(request)
        await (refusal or self._app)(scope, receive, with_headers(send))

    def _refusal(self, request: Request) -> Response | None:
        foreign = self._foreign(request)
        if foreign is not None:
            return _refused(request, 403, "foreign", foreign)
        known = self._knows_token(request)
        request.scope["trusted"] = known
        page = _is_page(request) and "token" in request.query_params
        if known or request.url.path == _HEALTH:
            return RedirectResponse(_without_token(request), 303) if page else None
        if page and self._is_token(request.query_params["token"]):
            return self._welcome(request)
        answer = _refused(request, 401, "token", _NOT_KNOWN)
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    def _foreign(self, request: Request) -> str | None:
        """Say what is wrong with where a request comes from, None if nothing is."""
        host = request.headers.get("host", "")
        if not self._is_own_name(host):
            return "This host name is not known here; add it to web.allowed_hosts."
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return "Requests from other origins are refused."
        site = request.headers.get("sec-fetch-site", "none")
        if site not in _OWN and not _opens_page(request):
            return "Requests from other sites are refused."
        return None

    def _is_own_name(self, host: str) -> bool:
        """Numeric addresses are safe: to rebind an address to another machine takes a name."""
        try:
            parts = urlsplit(f"//{host}")
            parts.port  # noqa: B018 - raises where it is no number
        except ValueError:
            return False
        if parts.netloc != host or "@" in host:  # more than a name and a port
            return False
        name = parts.hostname or ""
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _knows_token(self, request: Request) -> bool:
        if not self._token:
            return True
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self._is_token(given.strip()):
            return True
        cookie = request.cookies.get(COOKIE, "")
        return hmac.compare_digest(cookie.encode(), self._cookie.encode())

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token)

    def _welcome(self, request: Request) -> Response:
        """Give the cookie and go on by a page: after a redirect from elsewhere no strict cookie is sent."""
        there = html.escape(_without_token(request), quote=True)
        answer = HTMLResponse(
            f'<!doctype html><title>stream_guard</title><meta http-equiv="refresh" content="0; url={there}">'
            f'<a href="{there}">Go on</a>'
        )
        answer.set_cookie(
            COOKIE,
            self._cookie,
            max_age=_COOKIE_S,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer


def _is_page(request: Request) -> bool:
    path = request.url.path
    return request.method == "GET" and (path in _PAGES or path.startswith(("/live/", "/publish/")))


def _refused(request: Request, status: int, code: str, detail: str) -> Response:
    """Say no: to people in plain text, to programs as the API does."""
    if _is_page(request):
        return PlainTextResponse(f"{detail}\n", status)
    return problem(status, code, detail)


def _without_token(request: Request) -> str:
    """Return the page's own address without the token, which must not stay in the browser's history."""
    left = [(name, value) for name, value in parse_qsl(request.url.query) if name != "token"]
    return request.url.path + (f"?{urlencode(left)}" if left else "")


def _opens_page(request: Request) -> bool:
    """Tell whether somebody follows a link to a page: other sites may link to no more than that."""
    return _is_page(request) and request.headers.get("sec-fetch-mode") == "navigate"
