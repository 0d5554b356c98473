"""C++ against Python: the same picture files must give the same numbers."""

import subprocess

import numpy as np
import pytest
import torch
from PIL import Image

from cvbook.data.rendered import load
from cvbook.deploy import native
from cvbook.deploy.export import to_onnx
from cvbook.deploy.roads import ahead_of_time
from cvbook.deploy.search import features
from cvbook.images import load_image
from cvbook.models import weights


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    return native.build(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A hundred product close-ups: as they are, stretched to any shape, cut, grey, with transparency; and the smallest and thinnest there are."""
    folder, rng, found = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0), []
    rows = load("crops").select(range(0, 2940, 30))
    pictures = [row["image"].convert("RGB") for row in rows] + [
        Image.new("RGB", (1, 1), (9, 99, 200)),
        Image.new("RGB", (300, 2), "red"),
    ]
    for i, picture in enumerate(pictures):
        if i < 98:
            wide, tall = (int(n) for n in rng.integers(15, 300, 2))
            picture = (
                picture,
                picture.resize((wide, tall)),
                picture.crop((0, 0, min(wide, 96), min(tall, 96))),
                picture.convert("L"),
            )[i % 4]
        picture.save(folder / f"{i:03d}.png")
        found.append(folder / f"{i:03d}.png")
    return found


def program(programs, name):
    if name == "embed_onnxruntime" and name not in programs:
        pytest.skip(
            "The headers of ONNX Runtime are not installed; .ci/onnxruntime-headers brings them."
        )
    return programs[name]


@pytest.mark.parametrize(
    "name, model",
    [
        ("embed_libtorch", "embedder.pt"),
        ("embed_aotinductor", "model.pt2"),
        ("embed_openvino", "embedder.onnx"),
        ("embed_onnxruntime", "embedder.onnx"),
    ],
)
def test_cpp_gives_what_python_gives(programs, files, tmp_path, name, model):
    command, network, path = program(programs, name), weights.embedder(), tmp_path / model
    if name == "embed_libtorch":
        with torch.inference_mode():
            torch.jit.trace(network, torch.rand(2, 3, 48, 48)).save(path)
    elif name == "embed_aotinductor":
        ahead_of_time(network, (torch.rand(1, 3, 48, 48),), tmp_path)
    else:
        to_onnx(network, torch.rand(2, 3, 48, 48), path)
    done = subprocess.run([command, path, "48", *files], capture_output=True, text=True, check=True)
    there = np.array([line.split() for line in done.stdout.splitlines()], float)
    here = features([load_image(file) for file in files], network, 48)
    assert there.shape == here.shape == (100, 64)
    assert np.abs(there - here).max() < 1e-5


@pytest.mark.parametrize(
    "name", ["embed_libtorch", "embed_aotinductor", "embed_openvino", "embed_onnxruntime"]
)
def test_cpp_explains_mistakes(programs, files, tmp_path, name):
    command = program(programs, name)
    (tmp_path / "model").write_text("no")
    for words, message in (([], "usage"), ([tmp_path / "model", "48", files[0]], "")):
        done = subprocess.run([command, *words], capture_output=True, text=True)
        assert done.returncode == 1
        assert message in done.stderr
        assert done.stderr.strip()
        assert "frame #" not in done.stderr


def test_cpp_names_a_picture_that_it_cannot_read(programs, files, tmp_path):
    to_onnx(weights.embedder(), torch.rand(2, 3, 48, 48), tmp_path / "embedder.onnx")
    (tmp_path / "broken.png").write_bytes(files[0].read_bytes()[:200])
    for file, message in (("broken.png", "damaged"), ("none.png", "cannot be read as PNG")):
        done = subprocess.run(
            [programs["embed_openvino"], tmp_path / "embedder.onnx", "48", tmp_path / file],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1 and f"{file} " in done.stderr and message in done.stderr


def test_without_a_compiler_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="cmake and c\\+\\+ cannot be found: apt-get install"):
        native.build(tmp_path)


def test_what_cannot_be_built_is_one_message(tmp_path, monkeypatch):
    (tmp_path / "CMakeLists.txt").write_text("message(FATAL_ERROR nonsense)")
    monkeypatch.setattr(native, "SOURCES", tmp_path)
    with pytest.raises(RuntimeError, match="cannot be built: (.|\n)*nonsense"):
        native.build(tmp_path / "build")
