"""The renderer itself. These tests start Blender; each picture is small."""

import os
import signal
import time

import numpy as np
import psutil
import pytest

from cvbook.worlds.blender.renderer import Renderer, RenderError
from cvbook.worlds.scene import project


def test_pictures_do_not_depend_on_workers_nor_on_what_came_before(renderer, scene):
    wanted = [scene(i) for i in range(3)]
    first = [p.image for p in renderer.render(wanted)]
    with Renderer(2) as other:
        second = [p.image for p in other.render(reversed(wanted))][::-1]
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert (first[0] != first[1]).any()  # another seed, other noise


def test_masks_depth_and_projection_agree(render, scene):
    done = render(scene(size=(160, 120)))
    assert done.image.dtype == np.uint8 and done.image.shape == (120, 160, 3)
    assert set(np.unique(done.mask)) == {0, 1, 2}
    ys, xs = np.nonzero(done.mask == 2)
    angle = np.linspace(0, 2 * np.pi, 60)
    ring = np.stack([0.1 + 0.1 * np.cos(angle), -0.5 + 0.1 * np.sin(angle), 0 * angle], 1)
    can = np.concatenate([ring, ring + [0, 0, 0.3]])
    flat = project(can, done.scene.camera, done.scene.size)
    expected = [*flat[:, :2].min(0), *flat[:, :2].max(0)]
    assert [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] == pytest.approx(expected, abs=1.5)
    nearest = flat[:, 2].min()
    assert nearest - 0.02 <= done.depth[done.mask == 2].min() <= nearest + 0.05


def test_a_wrong_scene_is_named_and_the_worker_goes_on(render, scene):
    with pytest.raises(RenderError, match="no shape 'teapot'"):
        render(scene(box={"mesh": {"shape": "teapot"}}))
    assert render(scene()).image.any()


def test_a_killed_worker_is_replaced_and_nothing_is_lost(render, scene):
    before = render(scene())
    with Renderer(1) as running:
        next(running.render([scene(1)]))
        worker = running._idle.get()
        os.kill(worker.process.pid, signal.SIGKILL)
        worker.process.wait()
        running._idle.put(worker)
        assert (next(running.render([scene()])).image == before.image).all()


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs Linux and two cores",
)
def test_a_worker_does_not_spin_beside_its_work(render, scene):
    """Of one thread; Blender's idle ones would double its processor time.

    Other work on the machine makes the share smaller, never larger.
    """
    render(scene())  # started
    module = "cvbook.worlds.blender.worker"
    worker = next(p for p in psutil.Process().children() if module in p.cmdline())
    # It may be moved to any core.
    assert worker.cpu_affinity() == psutil.Process().cpu_affinity()

    def busy() -> float:
        return sum(worker.cpu_times()[:2])

    began, before = time.perf_counter(), busy()
    render(scene(size=(160, 120), samples=32))
    assert 0 < busy() - before < 1.3 * (time.perf_counter() - began)


def test_no_temporary_file_outlives_the_renderer(monkeypatch, tmp_path, scene):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    # So that TMPDIR is looked at again, here as in the worker.
    monkeypatch.setattr("tempfile.tempdir", None)
    with Renderer(1) as running:
        next(running.render([scene()]))
        assert list(tmp_path.rglob("blender_*"))
    assert not list(tmp_path.iterdir())


def test_a_hanging_worker_is_replaced_and_then_given_up(scene):
    large = scene(size=(320, 240), samples=64)
    given_up = pytest.raises(RenderError, match="2 tries.*no answer")
    with Renderer(1, limit=0.01, tries=2) as running, given_up:
        next(running.render([large]))


def test_without_blender_there_is_one_clear_sentence(monkeypatch, tmp_path, scene):
    (tmp_path / "bpy.py").write_text("raise ImportError('no bpy here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Renderer(1) as running, pytest.raises(RenderError, match="pip install bpy"):
        next(running.render([scene()]))
