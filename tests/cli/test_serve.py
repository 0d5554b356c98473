"""The models behind HTTP."""

import io
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from PIL import Image

from cvbook.cli import serve as command


def test_serve_answers_over_http_and_stops_when_told(call, serving, tmp_path):
    from cvbook.models.mivolo import mivolo_small, save_checkpoint

    save_checkpoint(mivolo_small(), tmp_path / "model.pth.tar", 1, 95)
    (tmp_path / "photos").mkdir()
    for i in range(3):
        Image.new("RGB", (40, 40), (80 * i, 90, 90)).save(tmp_path / "photos" / f"{i}.png")
    call("search", "build", tmp_path / "photos", "--index", tmp_path / "index")
    given = ("--index", tmp_path / "index", "--checkpoint", tmp_path / "model.pth.tar")
    with serving(*given) as (client, server):
        assert client.get("/health").json() == {"services": ["read", "search", "age"]}
        picture = {
            "content": (tmp_path / "photos" / "1.png").read_bytes(),
            "headers": {"content-type": "image/png"},
        }
        assert client.post("/search?k=1", **picture).json()["hits"][0]["file"].endswith("1.png")
        assert client.post("/read", **picture).json() == {"lines": [], "turned": 0.0}
        assert len(client.post("/age?face=5,5,30,30", **picture).json()["people"]) == 1
        assert client.post("/age?face=5,5,1,1", **picture).status_code == 422
        server.send_signal(signal.SIGTERM)
        out = server.communicate(timeout=60)[0]
    assert server.returncode == 0 and "The server has stopped." in out, out


def test_serve_explains_mistakes(call, tmp_path):
    (tmp_path / "bad.pt").write_text("no")
    assert "65535" in call("serve", "--port", 99999, code=2).stderr
    assert "is not an index" in call("serve", "--index", tmp_path / "none", code=1).stderr
    assert (
        "not a checkpoint of MiVOLO"
        in call("serve", "--checkpoint", tmp_path / "bad.pt", code=1).stderr
    )


@pytest.mark.slow
def test_six_hundred_who_dawdle_do_not_keep_others_out(serving):
    """Half a head each: the server stays well, and closes them after some seconds."""
    out = io.BytesIO()
    Image.new("L", (200, 60), 255).save(out, "PNG")
    with serving() as (client, _):
        there = ("127.0.0.1", client.base_url.port)
        dawdling = [socket.create_connection(there, 10) for _ in range(600)]
        for one in dawdling:
            one.sendall(b"POST /read HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        for _ in range(5):
            began = time.perf_counter()
            assert client.get("/health").status_code == 200
            assert time.perf_counter() - began < 1
        picture = {"content": out.getvalue(), "headers": {"content-type": "image/png"}}
        assert client.post("/read", **picture).json() == {"lines": [], "turned": 0.0}
        time.sleep(command.HEADERS_S + 1)
        for one in dawdling:
            one.settimeout(1)
            assert one.recv(1) == b""  # closed from the other side
            one.close()


@pytest.mark.slow
def test_a_token_and_a_name_from_the_command_line(serving):
    with serving("--token", "secret", "--name", "book") as (client, _):
        asked = {"headers": {"content-type": "image/png"}, "content": b"x"}
        assert client.post("/read", **asked).status_code == 401
        asked["headers"] |= {"authorization": "Bearer secret", "host": "book"}
        assert client.post("/read", **asked).status_code == 400
        asked["headers"] |= {"host": "elsewhere.example"}
        assert client.post("/read", **asked).status_code == 421


def test_a_port_in_use_is_one_sentence(call):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = call("serve", "--port", taken.getsockname()[1], code=1)
    assert "Cannot listen on 127.0.0.1" in done.stderr and "Traceback" not in done.stderr


def test_decoders_import_nothing_from_the_current_folder(monkeypatch):
    """A stranger's folder may hold a pickle.py; the decoders of the service start without it."""
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    told = {}

    def run(task) -> None:
        task.close()
        program = "import sys; print(sys.flags.safe_path)"
        told["safe"] = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True
        ).stdout.strip()

    monkeypatch.setattr("asyncio.run", run)
    try:
        command.listen(None, "127.0.0.1", 0)
    finally:
        os.environ.pop("PYTHONSAFEPATH", None)
    assert told["safe"] == "True"
