"""The renderer itself. These tests start Blender; each picture is small."""

import dataclasses
import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from cvbook.worlds import coco, sets
from cvbook.worlds.blender.renderer import Renderer, RenderError
from cvbook.worlds.instances import instances
from cvbook.worlds.scene import Camera, Light, Material, Scene, Thing, project
from cvbook.worlds.shelves.shelves import shelf

BOX = Thing({"shape": "box", "size": [0.4, 0.4, 0.4]}, Material(color=(0.8, 0.2, 0.1)), label=1)
BALL = Thing(
    {"shape": "loft", "rings": [[0, 0.1, 0.1, 2], [0.3, 0.1, 0.1, 2]]},
    Material(color=(0.1, 0.3, 0.8)),
    (0.1, -0.5, 0),
    label=2,
)
FLOOR = Thing({"shape": "plane", "size": [6, 6]}, Material())


def scene(seed: int = 0, things=(FLOOR, BOX, BALL), **changes) -> Scene:
    base = Scene(
        things,
        (Light((1, -2, 3), (0, 0, 0), 60),),
        Camera((0.4, -2.4, 1.2), (0, 0, 0.2), 0.5),
        (64, 48),
        4,
        seed=seed,
    )
    return dataclasses.replace(base, **changes)


@pytest.fixture(scope="module")
def renderer():
    with Renderer(1) as running:
        yield running


def one(renderer: Renderer, what: Scene):
    return next(renderer.render([what]))


def test_pictures_do_not_depend_on_workers_nor_on_what_came_before(renderer):
    wanted = [scene(i) for i in range(3)]
    first = [p.image for p in renderer.render(wanted)]
    with Renderer(2) as other:
        second = [p.image for p in other.render(reversed(wanted))][::-1]
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert (first[0] != first[1]).any()  # another seed, other noise


def test_masks_depth_and_projection_agree(renderer):
    done = one(renderer, scene(size=(160, 120)))
    assert (
        done.image.dtype == np.uint8
        and done.image.shape == (120, 160, 3)
        and set(np.unique(done.mask)) == {0, 1, 2}
    )
    ys, xs = np.nonzero(done.mask == 2)
    ring = np.array(
        [
            [0.1 + 0.1 * np.cos(a), -0.5 + 0.1 * np.sin(a), z]
            for a in np.linspace(0, 6.28, 60)
            for z in (0, 0.3)
        ]
    )
    flat = project(ring, done.scene.camera, done.scene.size)
    assert [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] == pytest.approx(
        [*flat[:, :2].min(0), *flat[:, :2].max(0)], abs=1.5
    )
    assert flat[:, 2].min() - 0.02 <= done.depth[done.mask == 2].min() <= flat[:, 2].min() + 0.05


def test_visible_fraction_is_one_alone_and_less_behind_something(renderer):
    alone = {
        i.label: i for i in instances(one(renderer, scene(things=(FLOOR, BOX), size=(160, 120))))
    }
    both = {i.label: i for i in instances(one(renderer, scene(size=(160, 120))))}
    assert alone[1].fraction > 0.95 and both[2].fraction > 0.93
    assert 0.3 < both[1].fraction < alone[1].fraction - 0.05
    assert both[1].whole == alone[1].whole
    cut = {
        i.label: i
        for i in instances(
            one(
                renderer,
                scene(camera=Camera((0.4, -2.4, 1.2), (0.55, 0, 0.2), 0.3), size=(160, 120)),
            )
        )
    }
    assert cut[1].fraction < 0.9  # the border hides part of it


def test_pictures_without_masks_say_so(renderer):
    done = one(renderer, scene(masks=False))
    assert done.mask is None
    with pytest.raises(ValueError, match="masks=True"):
        instances(done)


def test_light_exposure_and_texture_have_their_effect(renderer):
    dark, light = (one(renderer, scene(exposure=e)).image.mean() for e in (-1.0, 1.0))
    assert light > 1.4 * dark
    wooden = dataclasses.replace(
        BOX, material=Material(texture={"paint": "wood", "seed": 1, "color": [0.6, 0.4, 0.2]})
    )
    assert (
        one(renderer, scene(things=(FLOOR, wooden))).image
        != one(renderer, scene(things=(FLOOR, BOX))).image
    ).any()


def test_a_wrong_scene_is_named_and_the_worker_goes_on(renderer):
    with pytest.raises(RenderError, match="no shape 'teapot'"):
        one(renderer, scene(things=(dataclasses.replace(BOX, mesh={"shape": "teapot"}),)))
    assert one(renderer, scene()).image.any()


def test_a_killed_worker_is_replaced_and_nothing_is_lost():
    with Renderer(1) as running:
        before = one(running, scene())
        worker = running._idle.get()
        os.kill(worker.process.pid, signal.SIGKILL)
        worker.process.wait()
        running._idle.put(worker)
        assert (one(running, scene()).image == before.image).all()


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs Linux and two cores",
)
def test_a_worker_does_not_spin_beside_its_work(renderer):
    """Of one thread; Blender's idle ones would double its processor time. Other work on the machine makes the share smaller, never larger."""
    one(renderer, scene())  # started
    worker = next(
        p for p in psutil.Process().children() if "cvbook.worlds.blender.worker" in p.cmdline()
    )
    assert (
        worker.cpu_affinity() == psutil.Process().cpu_affinity()
    )  # and it may be moved to any core

    def busy() -> float:
        return sum(worker.cpu_times()[:2])

    began, before = time.perf_counter(), busy()
    one(renderer, scene(size=(160, 120), samples=32))
    assert busy() - before < 1.3 * (time.perf_counter() - began)


def test_no_temporary_file_outlives_the_renderer(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(
        "tempfile.tempdir", None
    )  # so that TMPDIR is looked at again, here as in the worker
    with Renderer(1) as running:
        one(running, scene())
        assert list(tmp_path.rglob("blender_*"))
    assert not list(tmp_path.iterdir())


def test_a_hanging_worker_is_replaced_and_then_given_up():
    with (
        Renderer(1, limit=0.01, tries=2) as running,
        pytest.raises(RenderError, match="2 tries.*no answer"),
    ):
        one(running, scene(size=(320, 240), samples=64))


def test_without_blender_there_is_one_clear_sentence(monkeypatch, tmp_path):
    (tmp_path / "bpy.py").write_text("raise ImportError('no bpy here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Renderer(1) as running, pytest.raises(RenderError, match="pip install bpy"):
        one(running, scene())


def test_coco_export_loads_in_pycocotools(renderer, tmp_path):
    from pycocotools.coco import COCO

    picture = one(renderer, shelf(1, 0, size=(160, 120)))
    loaded = COCO(str(coco.export([picture], tmp_path)))
    rows = loaded.loadAnns(loaded.getAnnIds(imgIds=[1]))
    assert rows and not list(tmp_path.glob("*.tmp"))
    products = [item for item in instances(picture) if item.notes.get("kind") == "product"]
    for row, truth in zip(rows, products, strict=True):
        mask = loaded.annToMask(row)
        assert row["sku"] == truth.notes["sku"]
        assert (mask == (picture.mask == truth.label)).all() and mask.sum() == row["area"]
        x, y, w, h = row["bbox"]
        assert mask[y : y + h, x : x + w].sum() == row["area"]


def test_a_set_resumes_where_it_was_stopped(tmp_path, monkeypatch):
    rows = sets.make("crops", tmp_path / "kept", first=0, last=4)
    whole = list(rows)
    (tmp_path / "kept" / "0-0000002.json").unlink()
    stamps = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "kept").iterdir()}
    again = list(sets.make("crops", tmp_path / "kept", first=0, last=4))
    assert again == whole  # the lost one is rendered again to the same bytes
    assert all(
        (tmp_path / "kept" / name).stat().st_mtime_ns == stamp for name, stamp in stamps.items()
    )
    (file,) = sets.pack("crops", iter(whole), tmp_path / "out")
    from datasets import Dataset

    data = Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "cache"))
    assert (
        data[1]["sku"] == 1
        and data[1]["image"].size == (96, 96)
        and not list((tmp_path / "out").glob("*.tmp"))
    )
    with pytest.raises(ValueError, match="no rendered set"):
        list(sets.make("dragons", tmp_path))


def test_a_small_memory_does_not_change_pictures(tmp_path):
    """Two products in turn, with room for only part of what they need: a material that outlived its texture would turn pink."""
    code = (
        "import sys, numpy as np; from pathlib import Path; from cvbook.worlds.blender import builder, worker; from cvbook.worlds.shelves.shelves import close_up\n"
        "b, f, first = worker.Blender(), Path(sys.argv[1]), None\n"
        "for builder.KEPT in (10_000, *range(0, 40, 4)):\n"
        "    made = [b.render(close_up(0, 0, n, side=24), f)['image'] for n in (3, 40, 3)]\n"
        "    first = made if first is None else first\n"
        "    assert all((x == y).all() for x, y in zip(made, first)) and (made[0] == made[2]).all(), builder.KEPT\n"
        "    assert len(b.builder.cache) <= max(builder.KEPT, len(b.builder.used)), len(b.builder.cache)\n"
        "    held = {*b.bpy.data.meshes, *b.bpy.data.materials, *(i for i in b.bpy.data.images if i.name.startswith('texture'))}\n"
        "    assert held == set(b.builder.cache.values()) and not b.bpy.data.lights and len(b.bpy.data.objects) == 1  # the camera"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, text=True
    )
