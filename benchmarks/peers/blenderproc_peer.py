"""One picture by BlenderProc, as `rendering.py` runs it: python blenderproc_peer.py request.json.

BlenderProc starts a Blender that it fetches from the network and installs its packages into it.
Here it runs in this Python with `bpy` instead: its set-up is skipped, which can only make it
faster. The integrator is set as ours is, so that both trace the same paths.
"""

import json
import os
import sys
import tempfile
import types
from pathlib import Path

request = json.loads(Path(sys.argv[1]).read_text())
os.environ["INSIDE_OF_THE_INTERNAL_BLENDER_PYTHON_ENVIRONMENT"] = "1"
# BlenderProc takes the folder that it lies in off the path, once.
sys.path += 2 * [request["packages"]]
setup = types.ModuleType("blenderproc.python.utility.SetupUtility")
nothing = staticmethod(lambda *_, **__: sys.argv)
setup.SetupUtility = type("SetupUtility", (), {"setup": nothing, "setup_pip": nothing})
sys.modules[setup.__name__] = setup

# bpy comes first: BlenderProc expects it to be there.
# isort: off
import bpy  # noqa: E402
import numpy as np  # noqa: E402

import blenderproc as bproc  # noqa: E402
from blenderproc.python.utility.Initializer import _Initializer  # noqa: E402
from blenderproc.python.utility.Utility import Utility  # noqa: E402

from cvbook.worlds.blender.builder import Builder, linear  # noqa: E402
from cvbook.worlds.scene import Scene  # noqa: E402

with tempfile.TemporaryDirectory() as folder:
    Utility.temp_dir = folder
    # What bproc.init() does, but for the choice of a language, which the module bpy lacks.
    bproc.clean_up(clean_up_camera=True)
    bpy.context.scene.render.engine = "CYCLES"
    _Initializer.set_default_parameters()

    scene = Scene.from_json(request["scene"])
    Builder(bpy).fill(scene)
    bproc.renderer.set_world_background(linear(scene.sky[0]), scene.sky[1])
    # Blender's angle is that of the longer side.
    wide = 2 * np.arctan(np.tan(scene.camera.fov / 2) * max(1, scene.size[0] / scene.size[1]))
    bproc.camera.set_resolution(*scene.size)
    bproc.camera.set_intrinsics_from_blender_params(lens=wide, lens_unit="FOV")
    bproc.camera.add_camera_pose(scene.camera.matrix())
    bpy.context.scene.view_settings.view_transform = "Standard"
    bpy.context.scene.view_settings.exposure = scene.exposure
    bproc.renderer.set_cpu_threads(request["threads"])
    bproc.renderer.set_max_amount_of_samples(scene.samples)
    bproc.renderer.set_noise_threshold(0)
    bounces = {"diffuse_bounces": 2, "glossy_bounces": 2, "transparent_max_bounces": 8}
    bproc.renderer.set_light_bounces(max_bounces=6, **bounces)
    bproc.renderer.enable_depth_output(activate_antialiasing=False)
    labels = {"map_by": ["instance"], "default_values": {"category_id": 0}}
    bproc.renderer.enable_segmentation_output(**labels)
    found = bproc.renderer.render(verbose=True)
    outputs = {"image": "colors", "mask": "instance_segmaps", "depth": "depth"}
    np.savez(request["out"], **{name: found[key][0] for name, key in outputs.items()})
