"""The process that holds Blender: reads scene descriptions, a line of JSON each, and writes pictures.

Run by `renderer.Renderer`. It is apart because Blender may crash or leak, and because it prints to the standard output, which
would end up in a notebook. Meshes, materials and textures stay in memory from picture to picture.
"""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from cvbook.worlds.blender.builder import Builder, linear, rows
from cvbook.worlds.scene import Scene


class Blender:
    """One Blender scene that is filled and emptied again."""

    def __init__(self):
        import bpy

        self.bpy = bpy
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.scene = bpy.context.scene
        self.builder = Builder(bpy)
        s = self.scene
        s.render.engine = "CYCLES"
        # Few samples and a denoiser, as fast as it goes; chapter 3 plots what more samples would change.
        s.cycles.use_denoising, s.cycles.denoising_prefilter, s.cycles.denoising_quality = (
            True,
            "FAST",
            "BALANCED",
        )
        s.cycles.use_adaptive_sampling = False
        s.cycles.debug_use_spatial_splits = (
            True  # a tree of boxes that takes a little longer to build and is faster to trace
        )
        (
            s.cycles.max_bounces,
            s.cycles.diffuse_bounces,
            s.cycles.glossy_bounces,
            s.cycles.transparent_max_bounces,
        ) = 6, 2, 2, 8
        s.cycles.caustics_reflective = s.cycles.caustics_refractive = False
        s.render.threads_mode, s.render.threads = (
            "FIXED",
            1,
        )  # more workers, not more threads: the same pixels for any number of them
        s.render.image_settings.file_format, s.render.image_settings.compression = "PNG", 0
        s.view_settings.view_transform = "Standard"
        s.world = bpy.data.worlds.new("sky")
        s.world.use_nodes = True
        self.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
        self.camera.data.sensor_fit, self.camera.data.clip_start = "VERTICAL", 0.02
        s.collection.objects.link(self.camera)
        s.camera = self.camera
        self._use_gpu()
        self._passes()

    def _use_gpu(self) -> None:
        """Take a GPU that Cycles finds; without one the processor does the work."""
        settings = self.bpy.context.preferences.addons["cycles"].preferences
        for kind in ("OPTIX", "CUDA", "HIP", "METAL", "ONEAPI"):
            try:
                settings.compute_device_type = kind
            except TypeError:
                continue
            settings.get_devices()
            if any(device.type == kind for device in settings.devices):
                for device in settings.devices:
                    device.use = device.type == kind
                self.scene.cycles.device = "GPU"
                return

    def _passes(self) -> None:
        """Object numbers and depth go to one EXR file beside the picture."""
        layer = self.scene.view_layers[0]
        layer.use_pass_object_index = layer.use_pass_z = True
        layer.pass_alpha_threshold = 0.2  # wrapping film is looked through, a bottle's wall is not
        self.scene.use_nodes = True
        tree = self.scene.node_tree
        tree.nodes.clear()
        layers, out = (
            tree.nodes.new("CompositorNodeRLayers"),
            tree.nodes.new("CompositorNodeComposite"),
        )
        tree.links.new(layers.outputs["Image"], out.inputs["Image"])
        self.pair, self.file = (
            tree.nodes.new("CompositorNodeCombineColor"),
            tree.nodes.new("CompositorNodeOutputFile"),
        )
        self.file.format.file_format, self.file.format.color_depth, self.file.format.exr_codec = (
            "OPEN_EXR",
            "32",
            "NONE",
        )
        tree.links.new(layers.outputs["IndexOB"], self.pair.inputs[0])
        tree.links.new(layers.outputs["Depth"], self.pair.inputs[1])
        tree.links.new(self.pair.outputs[0], self.file.inputs[0])

    def render(self, scene: Scene, folder: Path) -> dict[str, np.ndarray]:
        """The picture uint8[H, W, 3] and, where the scene wants masks, mask int32[H, W] and depth float32[H, W]."""
        s = self.scene
        new = self.builder.fill(scene)
        self.camera.matrix_world = rows(scene.camera.matrix())
        self.camera.data.angle = scene.camera.fov
        sky = s.world.node_tree.nodes["Background"]
        sky.inputs[0].default_value, sky.inputs[1].default_value = (
            (*linear(scene.sky[0]), 1),
            scene.sky[1],
        )
        s.render.resolution_x, s.render.resolution_y = scene.size
        s.cycles.samples, s.cycles.seed = scene.samples, scene.seed % 2**31
        s.view_settings.exposure = scene.exposure
        s.render.filepath, self.file.base_path, self.file.file_slots[0].path = (
            str(folder / "picture.png"),
            str(folder),
            "passes_",
        )
        self.file.mute = not scene.masks
        try:
            self.bpy.ops.render.render(write_still=True)
            out = {"image": np.array(Image.open(folder / "picture.png").convert("RGB"))}
            if scene.masks:
                passes = self._passes_of(next(folder.glob("passes_*.exr")))
                out |= {
                    "mask": np.rint(passes[..., 0]).astype(np.int32),
                    "depth": passes[..., 1].copy(),
                }
        finally:
            self.builder.clear(new)
        return out

    def _passes_of(self, path: Path) -> np.ndarray:
        image = self.bpy.data.images.load(str(path))
        pixels = np.empty(4 * image.size[0] * image.size[1], np.float32)
        image.pixels.foreach_get(pixels)
        shape = (image.size[1], image.size[0], 4)
        self.bpy.data.images.remove(image)
        return pixels.reshape(shape)[::-1]


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Let this process see one core only. Blender starts as many threads as it sees cores when it loads, whatever it is told to
    render with, and the idle ones wait by spinning: they would slow this worker and those beside it."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if cores:
        os.sched_setaffinity(0, {min(cores)})
    yield
    if cores:
        os.sched_setaffinity(0, cores)


def main() -> None:
    """Answer requests {"scene": …, "out": file.npz} on standard input, one line of JSON each, until it closes."""
    # Cycles writes to descriptor 1, so the answers get a copy of it and the original goes nowhere.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        with _one_core():
            blender = Blender()
    except ImportError as error:
        answers.write(
            json.dumps(
                {
                    "error": f"Blender's Python module is missing ({error}): pip install bpy==4.5.15, on Python 3.11."
                }
            )
            + "\n"
        )
        return
    answers.write(json.dumps({"ready": True}) + "\n")
    answers.flush()
    with tempfile.TemporaryDirectory(prefix="render-") as folder:
        for line in sys.stdin:
            try:
                request = json.loads(line)
                arrays = blender.render(Scene.from_json(request["scene"]), Path(folder))
                part = Path(request["out"]).with_suffix(".tmp")
                with open(part, "wb") as file:
                    np.savez(file, **arrays)
                part.replace(request["out"])
                answer = {"done": request["out"]}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
