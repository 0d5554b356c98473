"""Blender objects from a scene description.

Meshes, materials and textures are made once and kept for the next scenes.
"""

import hashlib
import json
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from cvbook.worlds.meshing import build
from cvbook.worlds.painters import paint
from cvbook.worlds.scene import Camera, Material, Scene, Thing

KEPT = 1200  # textures, meshes and materials kept for the next pictures


def linear(color: tuple[float, ...]) -> list[float]:
    """sRGB to the linear values that Blender's colour sockets want."""
    c = np.asarray(color, float)
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).tolist()


def _key(spec: object) -> str:
    return hashlib.sha1(json.dumps(spec, sort_keys=True, default=vars).encode()).hexdigest()


def rows(matrix: np.ndarray) -> Any:
    """Matrix float[4, 4] as Blender takes it."""
    from mathutils import Matrix

    return Matrix(matrix.tolist())


class Builder:
    """Fills Blender's current scene and empties it again.

    Args:
        bpy: Blender's module; handed over, so that importing this one needs no Blender.
    """

    def __init__(self, bpy: ModuleType):
        self.bpy = bpy
        self.cache: dict[str, Any] = {}
        # What each kept thing is made of: a mesh of materials, a material of textures.
        self.parts: dict[str, set[str]] = {}
        self.making: list[set[str]] = [set()]
        self.used: set[str] = set()

    def fill(self, scene: Scene) -> list[Any]:
        """Put the things and lights of a scene in place.

        Returns:
            Blender's objects, which `clear` has to take away again.
        """
        self.used = set()
        data, new = self.bpy.data, []
        # All meshes first: if one cannot be made, there is nothing to take away.
        meshes = [self._mesh_of(thing) for thing in scene.things]
        for thing, mesh in zip(scene.things, meshes, strict=True):
            made = data.objects.new("thing", mesh)
            made.matrix_world = rows(thing.matrix())
            made.pass_index = thing.label
            new.append(made)
        for light in scene.lights:
            lamp = data.lights.new("light", "AREA")
            lamp.energy, lamp.size, lamp.color = light.energy, light.size, linear(light.color)
            made = data.objects.new("light", lamp)
            # Lamps, like cameras, look along their −z.
            made.matrix_world = rows(Camera(light.position, light.target).matrix())
            new.append(made)
        for made in new:
            self.bpy.context.scene.collection.objects.link(made)
        return new

    def clear(self, new: list[Any]) -> None:
        """Take away what `fill` put in place; meshes and materials stay for the next scene."""
        lamps = [made.data for made in new if made.type == "LIGHT"]
        # In one go: Blender looks through all its data each time.
        self.bpy.data.batch_remove([*new, *lamps, *self._forgotten()])

    def _mesh_of(self, thing: Thing) -> Any:
        make = partial(self._mesh, thing.mesh, thing.material)
        return self._kept([thing.mesh, thing.material], make)

    def _kept(self, spec: object, make: Callable[[], Any]) -> Any:
        key = _key(spec)
        self.making[-1].add(key)
        if key not in self.cache:
            self.making.append(set())
            made = make()
            self.cache[key], self.parts[key] = made, self.making.pop()
        self._touch(key)
        return self.cache[key]

    def _touch(self, key: str) -> None:
        """Note that a thing is in use, and all that it is made of.

        A material must not outlive its texture.
        """
        for part in self.parts[key]:
            self._touch(part)
        self.cache[key] = self.cache.pop(key)  # the last used come last, wholes after their parts
        self.used.add(key)

    def _image(self, spec: dict) -> Any:
        pixels = paint(spec)
        h, w = pixels.shape[:2]
        image = self.bpy.data.images.new("texture", w, h)
        rgba = np.ones((h, w, 4), np.float32)
        # Blender's rows go from the bottom up.
        np.divide(pixels[::-1, :, :3], np.float32(255), out=rgba[..., :3])
        image.pixels.foreach_set(rgba.ravel())
        return image

    def _material(self, m: Material) -> Any:
        made = self.bpy.data.materials.new("material")
        made.use_nodes = True
        nodes, links = made.node_tree.nodes, made.node_tree.links
        surface = nodes["Principled BSDF"]
        for name, value in {
            "Base Color": (*linear(m.color), 1),
            "Roughness": m.roughness,
            "Metallic": m.metallic,
            "Coat Weight": m.coat,
            "Coat Roughness": 0.1,
            "Alpha": m.alpha,
            "IOR": 1.45,
            "Emission Color": (*linear(m.color), 1),
            "Emission Strength": m.emission,
        }.items():
            surface.inputs[name].default_value = value
        if m.texture:
            node = nodes.new("ShaderNodeTexImage")
            node.image = self._kept(m.texture, partial(self._image, m.texture))
            for socket in ("Base Color", "Emission Color") if m.emission else ("Base Color",):
                links.new(node.outputs["Color"], surface.inputs[socket])
        # Nothing is anisotropic, yet Cycles works out a tangent wherever a ray hits, unless it is
        # given one: 3 % of its time.
        links.new(nodes.new("ShaderNodeCombineXYZ").outputs[0], surface.inputs["Tangent"])
        return made

    def _mesh(self, spec: dict, material: Material) -> Any:
        shape = build(spec)
        mesh = self.bpy.data.meshes.new("mesh")
        mesh.vertices.add(len(shape.vertices))
        mesh.vertices.foreach_set("co", shape.vertices.ravel())
        mesh.loops.add(len(shape.corners))
        mesh.loops.foreach_set("vertex_index", shape.corners)
        mesh.polygons.add(len(shape.sizes))
        starts = np.concatenate([[0], np.cumsum(shape.sizes)[:-1]]).astype(np.int32)
        mesh.polygons.foreach_set("loop_start", starts)
        mesh.polygons.foreach_set("use_smooth", np.full(len(shape.sizes), shape.smooth))
        mesh.uv_layers.new().data.foreach_set("uv", shape.uv.ravel())
        mesh.update(calc_edges=True)
        mesh.materials.append(self._kept(material, partial(self._material, material)))
        if shape.smooth:
            mesh.set_sharp_from_angle(angle=0.7)
        return mesh

    def _forgotten(self) -> list[Any]:
        """What has not been used for longest leaves the cache, and all that is made of it.

        Memory must not grow with the number of pictures.
        """
        idle = [k for k in self.cache if k not in self.used][: max(0, len(self.cache) - KEPT)]
        broken = set(idle)
        for key in self.cache:  # whatever is made of a dropped part goes with it
            if key not in self.used and self.parts[key] & broken:
                broken.add(key)
        for key in broken:
            del self.parts[key]
        return [self.cache.pop(key) for key in broken]
