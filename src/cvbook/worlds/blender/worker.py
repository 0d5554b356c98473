"""The process that holds Blender: reads scenes, a line of JSON each, and writes pictures.

Run by `renderer.Renderer`. It is apart because Blender may crash or leak, and because it prints to
the standard output, which would end up in a notebook. Meshes, materials and textures stay in memory
from picture to picture.
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

from cvbook.files import replacing
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
        # Few samples and a denoiser, as fast as it goes; chapter 3 plots what more samples would
        # change.
        cycles = s.cycles
        cycles.use_denoising = True
        cycles.denoising_prefilter, cycles.denoising_quality = "FAST", "BALANCED"
        cycles.use_adaptive_sampling = False
        # A tree of boxes that takes a little longer to build and is faster to trace.
        cycles.debug_use_spatial_splits = True
        cycles.max_bounces, cycles.transparent_max_bounces = 6, 8
        cycles.diffuse_bounces = cycles.glossy_bounces = 2
        cycles.caustics_reflective = cycles.caustics_refractive = False
        # More workers, not more threads: the same pixels for any number of them.
        s.render.threads_mode, s.render.threads = "FIXED", 1
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
        nodes = tree.nodes
        layers, out = nodes.new("CompositorNodeRLayers"), nodes.new("CompositorNodeComposite")
        tree.links.new(layers.outputs["Image"], out.inputs["Image"])
        self.pair = nodes.new("CompositorNodeCombineColor")
        self.file = nodes.new("CompositorNodeOutputFile")
        form = self.file.format
        form.file_format, form.color_depth, form.exr_codec = "OPEN_EXR", "32", "NONE"
        tree.links.new(layers.outputs["IndexOB"], self.pair.inputs[0])
        tree.links.new(layers.outputs["Depth"], self.pair.inputs[1])
        tree.links.new(self.pair.outputs[0], self.file.inputs[0])

    def render(self, scene: Scene, folder: Path) -> dict[str, np.ndarray]:
        """The picture uint8[H, W, 3] and, where the scene wants masks, mask and depth.

        The mask is int32[H, W], the depth float32[H, W].
        """
        s = self.scene
        new = self.builder.fill(scene)
        self.camera.matrix_world = rows(scene.camera.matrix())
        self.camera.data.angle = scene.camera.fov
        sky = s.world.node_tree.nodes["Background"].inputs
        sky[0].default_value = (*linear(scene.sky[0]), 1)
        sky[1].default_value = scene.sky[1]
        s.render.resolution_x, s.render.resolution_y = scene.size
        s.cycles.samples, s.cycles.seed = scene.samples, scene.seed % 2**31
        s.view_settings.exposure = scene.exposure
        s.render.filepath = str(folder / "picture.png")
        self.file.base_path, self.file.file_slots[0].path = str(folder), "passes_"
        self.file.mute = not scene.masks
        try:
            self.bpy.ops.render.render(write_still=True)
            picture = Image.open(folder / "picture.png", formats=["PNG"])
            out = {"image": np.array(picture.convert("RGB"))}
            if scene.masks:
                passes = self._passes_of(next(folder.glob("passes_*.exr")))
                mask, depth = np.rint(passes[..., 0]).astype(np.int32), passes[..., 1].copy()
                out |= {"mask": mask, "depth": depth}
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
    """Let this process see one core only.

    Blender starts as many threads as it sees cores when it loads, whatever it is told to render
    with, and the idle ones wait by spinning: they would slow this worker and those beside it.
    """
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if cores:
        os.sched_setaffinity(0, {min(cores)})
    yield
    if cores:
        os.sched_setaffinity(0, cores)


def main() -> None:
    """Answer requests {"scene": …, "out": file.npz} on standard input until it closes.

    Requests and answers are one line of JSON each.
    """
    # Cycles writes to descriptor 1, so the answers get a copy of it and the original goes nowhere.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def say(**answer: object) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    try:
        with _one_core():
            blender = Blender()
    except ImportError as error:
        say(
            error=f"Blender's Python module is missing ({error}): pip install bpy==4.5.15, "
            "on Python 3.11."
        )
        return
    say(ready=True)
    with tempfile.TemporaryDirectory(prefix="render-") as folder:
        for line in sys.stdin:
            try:
                request = json.loads(line)
                arrays = blender.render(Scene.from_json(request["scene"]), Path(folder))
                with replacing(request["out"]) as part, open(part, "wb") as file:
                    np.savez(file, **arrays)
                say(done=request["out"])
            except Exception as error:
                say(error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
