"""The models on your own pictures."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from cvbook.data import open_set
from cvbook.paths import ROOT


def test_read_prints_text_and_json(call, tmp_path):
    out = call("read", "data/scans/form-brakes.png").stdout
    assert "торможения" in out and len(out.splitlines()) >= 20
    row = json.loads(call("read", "--json", "data/scans/page.png").stdout)
    assert row["lines"][0]["text"].startswith("Region") and len(row["lines"][0]["corners"]) == 4


def test_read_names_what_it_cannot_read_and_goes_on(call, tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "notes.png").write_text("not a picture")
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    done = call(
        "read",
        tmp_path / "empty.png",
        tmp_path / "notes.png",
        tmp_path / "nowhere.png",
        tmp_path / "blank.png",
        code=1,
    )
    for message in ("0 bytes", "not a picture", "does not exist", "no text was found"):
        assert message in done.stderr
    assert "Traceback" not in done.stderr
    folder = tmp_path / "folder"
    folder.mkdir()
    assert "holds no pictures" in call("read", folder, code=1).stderr


def test_read_takes_pdf(call, tmp_path):
    scan = Image.open(ROOT / "data" / "scans" / "form-engine.png").convert("L")
    scan.save(tmp_path / "two.pdf", save_all=True, append_images=[scan], resolution=200)
    out = call("read", tmp_path / "two.pdf").stdout
    assert "page 1" in out and "page 2" in out and out.count("систем") >= 2


def test_age_reads_people_and_explains_mistakes(call, tmp_path):
    from cvbook.models.mivolo import mivolo_small, save_checkpoint

    save_checkpoint(mivolo_small(), tmp_path / "model.pth.tar", 1, 95)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)).save(
        tmp_path / "crowd.png"
    )
    Image.new("RGB", (200, 200)).save(tmp_path / "nobody.png")
    given = ("--checkpoint", tmp_path / "model.pth.tar")
    out = call(
        "age",
        tmp_path / "crowd.png",
        *given,
        "--face",
        "20,20,60,60",
        "--face",
        "120,20,160,60",
        "--body",
        "0,0,90,200",
    ).stdout
    first, second = (line.split("\t") for line in out.splitlines())
    assert (
        first[3:] == ["face (20, 20, 60, 60)", "body (0, 0, 90, 200)"] and second[4] == "body None"
    )
    assert 0 < float(first[1]) < 100 and first[2].startswith(("male", "female"))
    assert "nobody was found" in call("age", tmp_path / "nobody.png", *given).stderr
    assert (
        "four whole numbers"
        in call("age", tmp_path / "nobody.png", *given, "--face", "1,2,3", code=1).stderr
    )
    assert (
        "is empty"
        in call("age", tmp_path / "nobody.png", *given, "--face", "5,5,5,9", code=1).stderr
    )
    assert (
        "not a checkpoint of MiVOLO"
        in call(
            "age", tmp_path / "nobody.png", "--checkpoint", tmp_path / "nobody.png", code=1
        ).stderr
    )
    assert "does not exist" in call("age", tmp_path / "none.png", *given, code=1).stderr


def test_search_builds_an_index_and_finds_the_product(call, tmp_path):
    data = open_set.products()
    some = np.unique(data.test.labels)[:6].tolist()
    for c in some:
        for i in np.flatnonzero(data.test.labels == c)[:5]:
            (tmp_path / "photos" / str(c)).mkdir(parents=True, exist_ok=True)
            Image.fromarray(data.test.images[i].permute(1, 2, 0).numpy()).save(
                tmp_path / "photos" / str(c) / f"{i}.png"
            )
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no")
    built = call("search", "build", tmp_path / "photos", "--index", tmp_path / "index")
    assert "30 pictures are in" in built.stdout and "left out broken.jpg" in built.stderr
    query = next((tmp_path / "photos" / str(some[0])).iterdir())
    found = call(
        "search",
        "query",
        query,
        "--index",
        tmp_path / "index",
        "--k",
        5,
        "--out",
        tmp_path / "page.html",
    ).stdout
    assert found.splitlines()[0].startswith("1.000") and str(query) in found.splitlines()[0]
    assert (
        sum(f"/{some[0]}/" in line for line in found.splitlines()) >= 3
        and (tmp_path / "page.html").exists()
    )


def test_search_explains_mistakes(call, tmp_path):
    assert "is not a folder" in call("search", "build", tmp_path / "none", code=1).stderr
    assert (
        "no_such_net"
        in call("search", "build", tmp_path, "--backbone", "no_such_net", code=1).stderr
    )
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert (
        "is not an index"
        in call("search", "query", tmp_path / "a.png", "--index", tmp_path / "none", code=1).stderr
    )
    assert "does not exist" in call("search", "query", tmp_path / "b.png", code=1).stderr


def test_a_backbone_that_cannot_be_fetched_is_one_sentence(call, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    error = call(
        "search", "build", tmp_path, "--backbone", "resnet18", "--index", tmp_path / "index", code=1
    ).stderr
    assert (
        "No backbone 'resnet18' from the hub" in error
        and "Traceback" not in error
        and not (tmp_path / "index").exists()
    )


def test_serve_answers_over_http_and_stops_when_told(call, tmp_path):
    from cvbook.models.mivolo import mivolo_small, save_checkpoint

    save_checkpoint(mivolo_small(), tmp_path / "model.pth.tar", 1, 95)
    (tmp_path / "photos").mkdir()
    for i in range(3):
        Image.new("RGB", (40, 40), (80 * i, 90, 90)).save(tmp_path / "photos" / f"{i}.png")
    call("search", "build", tmp_path / "photos", "--index", tmp_path / "index")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = (
        "--index",
        tmp_path / "index",
        "--checkpoint",
        tmp_path / "model.pth.tar",
        "--port",
        port,
    )
    server = subprocess.Popen(
        [Path(sys.executable).parent / "cvbook", "serve", *map(str, given)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            for _ in range(600):
                try:
                    assert client.get("/health").json() == {"services": ["read", "search", "age"]}
                    break
                except httpx.ConnectError:
                    time.sleep(0.1)
            picture = {
                "content": (tmp_path / "photos" / "1.png").read_bytes(),
                "headers": {"content-type": "image/png"},
            }
            assert client.post("/search?k=1", **picture).json()["hits"][0]["file"].endswith("1.png")
            assert client.post("/read", **picture).json() == {"lines": []}
            assert len(client.post("/age?face=5,5,30,30", **picture).json()["people"]) == 1
            assert client.post("/age?face=5,5,1,1", **picture).status_code == 422
    finally:
        server.send_signal(signal.SIGTERM)
        out = server.communicate(timeout=60)[0]
    assert server.returncode in (0, -signal.SIGTERM) and "shutdown complete" in out, (
        out
    )  # uvicorn hands the signal on once it is done


def test_serve_explains_mistakes(call, tmp_path):
    (tmp_path / "bad.pt").write_text("no")
    assert "is not an index" in call("serve", "--index", tmp_path / "none", code=1).stderr
    assert (
        "not a checkpoint of MiVOLO"
        in call("serve", "--checkpoint", tmp_path / "bad.pt", code=1).stderr
    )
