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
    """A hundred pictures: products as they are, stretched, cut and grey; a dot and a line."""
    rng = np.random.default_rng(0)
    pictures = [Image.new("RGB", (1, 1), (9, 99, 200)), Image.new("RGB", (300, 2), "red")]
    for i, row in enumerate(load("crops").select(range(0, 2940, 30))):
        picture = row["image"].convert("RGB")
        wide, tall = (int(n) for n in rng.integers(15, 300, 2))
        if i % 4 == 1:
            picture = picture.resize((wide, tall))
        elif i % 4 == 2:
            picture = picture.crop((0, 0, min(wide, 96), min(tall, 96)))
        elif i % 4 == 3:
            picture = picture.convert("L")
        pictures.append(picture)
    folder = tmp_path_factory.mktemp("pictures")
    found = [folder / f"{i:03d}.png" for i in range(len(pictures))]
    for picture, file in zip(pictures, found, strict=True):
        picture.save(file)
    return found


def program(programs, name):
    if name == "embed_onnxruntime" and name not in programs:
        pytest.skip("no headers of ONNX Runtime; .ci/onnxruntime-headers brings them")
    return programs[name]


@pytest.mark.parametrize(
    "name, model",
    [
        ("embed_libtorch", "embedder.pt"),
        pytest.param("embed_aotinductor", "model.pt2", marks=pytest.mark.slow),
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


NAMES = ["embed_libtorch", "embed_aotinductor", "embed_openvino", "embed_onnxruntime"]


@pytest.mark.parametrize("name", NAMES)
def test_cpp_explains_mistakes(programs, files, tmp_path, name):
    command = program(programs, name)
    done = subprocess.run([command], capture_output=True, text=True)
    assert done.returncode == 1 and "usage" in done.stderr
    (tmp_path / "model").write_text("no")
    words = [tmp_path / "model", "48", files[2]]
    done = subprocess.run([command, *words], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.strip() and "frame #" not in done.stderr


def test_cpp_names_a_picture_that_it_cannot_read(programs, files, tmp_path):
    to_onnx(weights.embedder(), torch.rand(2, 3, 48, 48), tmp_path / "embedder.onnx")
    (tmp_path / "broken.png").write_bytes(files[2].read_bytes()[:200])
    command = [programs["embed_openvino"], tmp_path / "embedder.onnx", "48"]
    for file, message in (("broken.png", "damaged"), ("none.png", "cannot be read as PNG")):
        done = subprocess.run([*command, tmp_path / file], capture_output=True, text=True)
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
