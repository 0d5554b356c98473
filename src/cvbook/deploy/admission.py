"""Who may ask the service for what: hosts, origins, tokens, kinds of content, and how often."""

import hmac
import ipaddress
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cvbook.confine import MEMORY


@dataclass(frozen=True)
class Limits:
    """What clients may do.

    Attributes:
        bytes, pages: of an upload.
        pixels: of a page; all pages of an upload together may have `documents.TOGETHER` times as
            many.
        seconds: for the upload, for its decoding, and twice as many for the answer.
        memory: bytes that a process which decodes uploads may take.
        rate, burst: requests of one client in a second, and at once.
        waiting: requests of all that may be under way, and uploads of all that may be arriving.
        arriving: uploads of one client that may be arriving.
    """

    bytes: int = 8 * 2**20
    pixels: int = 24_000_000
    pages: int = 20
    seconds: float = 10.0
    memory: int = MEMORY
    rate: float = 50.0
    burst: int = 100
    waiting: int = 256
    arriving: int = 64


class Refused(Exception):
    """An answer with a status, and the reason in one sentence."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status, self.reason = status, reason


class Allowance:
    """So many requests a second for each client, and a few at once (a token bucket).

    The last few thousand clients are remembered.
    """

    def __init__(self, rate: float, burst: int, clients: int = 4096):
        self.rate, self.burst, self.clients = rate, burst, clients
        self.left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, now: float) -> bool:
        """Whether the client may come in at a time in seconds."""
        tokens, before = self.left.pop(client, (float(self.burst), now))
        tokens = min(self.burst, tokens + self.rate * (now - before))
        self.left[client] = (tokens - (tokens >= 1), now)
        if len(self.left) > self.clients:
            self.left.popitem(last=False)
        return tokens >= 1


def _host(address: str) -> str:
    """The host of "host:port" or "[::1]:port", in small letters; empty for what is neither."""
    try:
        return urlsplit(f"//{address}").hostname or ""
    except ValueError:
        return ""


def _site(origin: str) -> str:
    """Host and port of an origin such as "https://host:port"; empty for what is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def check_host(headers: Mapping[str, str], names: frozenset[str]) -> None:
    """Refuse a request that was meant for another server.

    A web page may let its own name point to this machine, and its scripts would then count as
    coming from here (DNS rebinding). They cannot do so with a bare address, nor with "localhost".

    Raises:
        Refused: 421, the Host header is neither of these nor one of the names.
    """
    host = _host(headers.get("host", ""))
    if host == "localhost" or host in names:
        return
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise Refused(
            421, "This server does not go by that name: start it with --name NAME to allow one."
        ) from None


def check_origin(headers: Mapping[str, str]) -> None:
    """Refuse what a browser sends on behalf of a page from elsewhere.

    Raises:
        Refused: 403.
    """
    origin = headers.get("origin")
    foreign = origin is not None and _site(origin) != headers.get("host")
    if foreign or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Refused(403, "Pages of other sites may not use this service.")


def check_token(headers: Mapping[str, str], token: str) -> None:
    """Refuse a request without the token, where there is one.

    Raises:
        Refused: 401.
    """
    # Headers come as Latin-1, whatever their bytes are.
    given = headers.get("authorization", "").encode("latin-1")
    wanted = f"Bearer {token}".encode(errors="surrogateescape")
    # Compared in constant time, so that nobody finds out letter by letter.
    if token and not hmac.compare_digest(given, wanted):
        raise Refused(401, "Send the token: Authorization: Bearer TOKEN.")


def check_kind(headers: Mapping[str, str]) -> None:
    """Refuse content that does not claim to be a picture or a PDF.

    Browsers let a page send forms and plain text anywhere without asking, but no such type.

    Raises:
        Refused: 415.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/octet-stream", "application/pdf") and not (
        kind.startswith("image/") and len(kind) > len("image/")
    ):
        how = "Send the bytes of a picture as the body, with Content-Type image/jpeg or the like."
        raise Refused(415, how)
