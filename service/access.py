"""Who may ask. Closed by default: this machine only, or a key."""

import base64
import binascii
import hmac
import ipaddress
import re
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from models.errors import ConfigurationError
from service.problems import Problem, respond

OPEN_PATH = "/livez"
"""Answers anybody: it says that the process lives, and nothing else."""

_KEY = re.compile(r"[A-Za-z0-9._~+/=-]{16,}")
_KEY_RULE = "at least 16 characters out of A-Z a-z 0-9 . _ ~ + / = -; `openssl rand -hex 16` makes one"
_CHALLENGES = {"WWW-Authenticate": 'Basic realm="endcap", Bearer'}


def refuse_open(host: str, key: str | None) -> None:
    """Raise ConfigurationError for a service that others could reach and no key guards, or for a key too weak."""
    if key is not None and not _KEY.fullmatch(key):
        raise ConfigurationError(f"ENDCAP_API_KEY is no key: it needs {_KEY_RULE}")
    if key is None and not is_loopback(host):
        raise ConfigurationError(
            f"ENDCAP_HOST={host} lets other machines in, and nothing guards it: set ENDCAP_API_KEY ({_KEY_RULE}), "
            "or ENDCAP_HOST=127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Say whether an address or a name is reached from this machine alone. A name we do not know is not."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class _Guard:
    """ASGI middleware that lets through what `_refusal` has nothing against."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        refusal = None if scope["type"] != "http" or scope["path"] == OPEN_PATH else self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
            return
        await respond(refusal, scope.get("request_id"))(scope, receive, send)

    def _refusal(self, scope: Scope) -> Problem | None:
        raise NotImplementedError


class RequireKey(_Guard):
    """Everything but /livez needs the key: `Authorization: Bearer KEY`, or Basic with the key as the user name."""

    def __init__(self, app: ASGIApp, *, key: str) -> None:
        super().__init__(app)
        self._key = key.encode()

    def _refusal(self, scope: Scope) -> Problem | None:
        given = _key_in(_header(scope, b"authorization"))
        # Both sides are compared to their ends wherever they differ, so that time does not spell the key out.
        if hmac.compare_digest(given, self._key):
            return None
        return Problem(
            401,
            "Key needed",
            "This service asks for its key. Send `Authorization: Bearer KEY`, or the key as the user name of Basic "
            "authentication; KEY is what the service was given as ENDCAP_API_KEY.",
            headers=_CHALLENGES,
        )


class RequireLocalName(_Guard):
    """Without a key, only who calls this machine by a name of its own is answered.

    A page from elsewhere may point its own name at 127.0.0.1 and have a browser on this machine ask for it (DNS
    rebinding). The browser then sends that name as Host, and no page can make it send another.
    """

    def _refusal(self, scope: Scope) -> Problem | None:
        if _is_local(_header(scope, b"host")):
            return None
        return Problem(
            421,
            "Not a local name",
            "Without a key this service answers only to localhost, 127.0.0.1 or [::1] as the Host of a request. "
            "Ask by one of these, let the proxy in front send one, or set ENDCAP_API_KEY.",
        )


def _header(scope: Scope, name: bytes) -> bytes:
    """Return the value of a header; empty when it is not there, or more than once."""
    values = [value for each, value in scope["headers"] if each == name]
    return values[0] if len(values) == 1 else b""


def _key_in(authorization: bytes) -> bytes:
    """Return the key of an Authorization header, empty when it has none."""
    scheme, _, credentials = authorization.strip().partition(b" ")
    if scheme.lower() == b"bearer":
        return credentials.strip()
    if scheme.lower() != b"basic":
        return b""
    try:
        user, _, _password = base64.b64decode(credentials.strip(), validate=True).partition(b":")
    except binascii.Error:
        return b""
    return user


@lru_cache(maxsize=256)
def _is_local(host: bytes) -> bool:
    """Say whether a Host header, with or without a port, names this machine."""
    text = host.decode("latin-1")
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::\d*)?", text)
    return is_loopback(bracketed[1] if bracketed else re.sub(r":\d*$", "", text))
