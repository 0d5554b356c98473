"""No command and no chapter asks the network for anything, unless it is told to."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from cvbook.models.mivolo import mivolo_small, save_checkpoint
from cvbook.paths import ROOT

# Stands before the C library: names are not looked up, other machines are not reached, and both
# are written down. Every program that asks the C library meets it, whatever its language.
TRACER = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void note(const char *what, const char *where) {
    FILE *file = fopen(getenv("CVBOOK_TRACE"), "a");
    if (file) { fprintf(file, "%s %s\n", what, where ? where : ""); fclose(file); }
}

static int local(const char *name) {
    return !name || !strcmp(name, "localhost") || !strncmp(name, "127.", 4) || !strcmp(name, "::1")
        || !strcmp(name, "0.0.0.0");
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    static int (*plain)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (!plain) plain = dlsym(RTLD_NEXT, "getaddrinfo");
    struct in6_addr number;
    int numeric = name && (inet_pton(AF_INET, name, &number) || inet_pton(AF_INET6, name, &number));
    if (numeric || local(name)) return plain(name, service, hints, found);
    note("look up", name);
    return EAI_AGAIN;
}

int connect(int socket, const struct sockaddr *to, socklen_t length) {
    static int (*plain)(int, const struct sockaddr *, socklen_t);
    char text[INET6_ADDRSTRLEN] = "";
    if (!plain) plain = dlsym(RTLD_NEXT, "connect");
    if (to->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)to)->sin_addr, text, sizeof text);
    else if (to->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)to)->sin6_addr, text, sizeof text);
    else
        return plain(socket, to, length);
    if (local(text)) return plain(socket, to, length);
    note("connect", text);
    errno = ENETUNREACH;
    return -1;
}
"""
CVBOOK = str(Path(sys.executable).parent / "cvbook")


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    """The environment of a program that is watched, and the file that tells of it."""
    if not shutil.which("cc"):
        pytest.skip("There is no C compiler to build the tracer with.")
    folder = tmp_path_factory.mktemp("tracer")
    (folder / "tracer.c").write_text(TRACER)
    library = folder / "tracer.so"
    build = ["cc", "-shared", "-fPIC", "-o", library, folder / "tracer.c", "-ldl"]
    subprocess.run(build, check=True)
    # Not what this process was told: some packages are quieter in tests.
    loud = ("CI", "HF_HUB_OFFLINE", "ORT_DISABLE_TELEMETRY", "DO_NOT_TRACK")
    known = {k: v for k, v in os.environ.items() if k not in loud}
    environment = known | {"LD_PRELOAD": str(library), "CVBOOK_TRACE": str(folder / "trace.txt")}
    return environment, folder / "trace.txt"


def watched(traced, *command: object) -> tuple[subprocess.CompletedProcess, list[str]]:
    """Run a program; what it asked the network for."""
    environment, trace = traced
    trace.unlink(missing_ok=True)
    done = subprocess.run(
        list(map(str, command)), env=environment, cwd=ROOT, capture_output=True, text=True
    )
    return done, trace.read_text().splitlines() if trace.exists() else []


def test_the_tracer_sees_what_it_should(traced):
    done, asked = watched(
        traced,
        sys.executable,
        "-c",
        "import urllib.request; urllib.request.urlopen('http://elsewhere.example', timeout=5)",
    )
    assert done.returncode and asked == ["look up elsewhere.example"]
    address = "import socket; socket.create_connection(('192.0.2.1', 80), 5)"
    assert watched(traced, sys.executable, "-c", address)[1] == ["connect 192.0.2.1"]


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Path:
    """A folder of pictures, a checkpoint and an index."""
    folder = tmp_path_factory.mktemp("given")
    (folder / "photos").mkdir()
    for i in range(3):
        Image.new("RGB", (60, 60), (80 * i, 90, 90)).save(folder / "photos" / f"{i}.png")
    save_checkpoint(mivolo_small(), folder / "model.pth.tar", 1, 95)
    return folder


@pytest.mark.slow
def test_commands_ask_the_network_for_nothing(traced, given):
    index = ("--index", given / "index")
    for command in (
        ("--help",),
        ("claims",),
        ("doctor",),
        ("data", "list"),
        ("data", "verify"),
        ("read", ROOT / "data" / "scans" / "page.png"),
        ("search", "build", given / "photos", *index),
        ("search", "query", given / "photos" / "1.png", *index, "--out", given / "found.html"),
        ("age", given / "photos" / "1.png", "--checkpoint", given / "model.pth.tar"),
    ):
        done, asked = watched(traced, CVBOOK, *command)
        assert done.returncode == 0 and not asked, f"{command}: {asked}{done.stderr[-500:]}"


@pytest.mark.slow
def test_the_server_asks_the_network_for_nothing(traced, serving):
    environment, trace = traced
    trace.unlink(missing_ok=True)
    out = io.BytesIO()
    Image.new("L", (200, 60), 255).save(out, "PNG")
    with serving(env=environment) as (client, _):
        typed = {"content-type": "image/png"}
        assert client.post("/read", content=out.getvalue(), headers=typed).status_code == 200
    assert not trace.exists()


# ONNX Runtime asks some seconds after its first session began.
RUNTIMES = """
import time
import torch
from cvbook.deploy.export import to_onnx
from cvbook.deploy.runtimes import OnnxRuntime, OpenVino
from cvbook.data import open_set
to_onnx(torch.nn.Linear(3, 2).eval(), (torch.zeros(1, 3),), "{file}")
for kind in (OnnxRuntime, OpenVino):
    kind("{file}")(torch.zeros(1, 3))
open_set.products(96)
time.sleep(12)
"""


@pytest.mark.slow
def test_runtimes_and_sets_ask_the_network_for_nothing(traced, tmp_path):
    program = RUNTIMES.format(file=tmp_path / "net.onnx")
    done, asked = watched(traced, sys.executable, "-c", program)
    assert done.returncode == 0 and not asked, f"{asked}{done.stderr[-800:]}"


@pytest.mark.slow
def test_a_chapter_asks_the_network_for_nothing(traced):
    done, asked = watched(traced, CVBOOK, "run", "04")
    assert done.returncode == 0 and not asked, f"{asked}{done.stderr[-800:]}"


def test_openvino_is_imported_in_one_place():
    """Where its telemetry is switched off first."""
    for file in [*(ROOT / "src").rglob("*.py"), *(ROOT / "notebooks").glob("*.ipynb")]:
        if file.name != "openvino_offline.py":
            text = file.read_text()
            assert "import openvino" not in text.replace("offline import openvino", ""), file
