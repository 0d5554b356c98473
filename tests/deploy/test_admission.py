"""Who may ask, and how often."""

import pytest

from cvbook.cli import serve
from cvbook.deploy.admission import Allowance, Limits, Refused, check_host, check_kind, check_token
from cvbook.documents import TOGETHER
from cvbook.paths import ROOT


def test_allowance_fills_up_and_forgets():
    allowance = Allowance(rate=2, burst=2, clients=3)
    assert [allowance.take("a", 0.0) for _ in range(3)] == [True, True, False]
    assert allowance.take("b", 0.0) and not allowance.take("a", 0.4) and allowance.take("a", 1.0)
    for name in "cdefg":
        allowance.take(name, 1.0)
    assert len(allowance.left) == 3


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1:80", "[::1]:8000", "10.0.0.7", "book:1"]
)
def test_hosts_that_no_other_page_can_have(host):
    check_host({"host": host}, frozenset({"book"}))


@pytest.mark.parametrize(
    "host",
    ["", "book.example", "localhost.example", "127.0.0.1.example", "[", "a@localhost.x", "1.2"],
)
def test_hosts_that_another_page_may_have(host):
    with pytest.raises(Refused):
        check_host({"host": host}, frozenset({"book"}))


@pytest.mark.parametrize("kind", ["image/png", "IMAGE/JPEG; q=1", "application/pdf"])
def test_kinds(kind):
    check_kind({"content-type": kind})


def test_the_page_on_running_promises_what_the_limits_are():
    page = (ROOT / "book" / "how-to-run.md").read_text()
    promised, limits = page.partition("## What the service promises")[2], Limits()
    words = {5: "five", 10: "ten"}
    size, pixels = limits.bytes // 2**20, limits.pixels // 10**6
    assert f"{size} MB, {limits.pages} pages, {pixels} million pixels on a page" in promised
    assert f"or {TOGETHER * pixels} million on all of them" in promised
    long = words[int(limits.seconds)]
    assert f"over {long} seconds or {limits.memory / 2**30:g} GB" in promised
    assert f"after {words[serve.HEADERS_S]} seconds, an upload after {long}" in promised


def test_a_token_may_have_any_letters():
    for token in ("secret", "ключ", "caf\u00e9", "\udce9"):
        sent = f"Bearer {token}".encode(errors="surrogateescape").decode("latin-1")
        check_token({"authorization": sent}, token)
        with pytest.raises(Refused):
            check_token({"authorization": sent + "x"}, token)
