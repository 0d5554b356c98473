"""A scene description: what stands where, what it is made of, how it is lit and seen.

Plain data, JSON in and out. Nothing here imports Blender, so scenes can be sampled, counted, tested
and sent to other machines without it. Units are metres, radians and watts; z is up; colours are
sRGB, 0 to 1.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

Vector = tuple[float, float, float]
Sky = tuple[Vector, float]  # colour and strength
NO_MASKS = "This picture has no instance mask: render the scene with masks=True."


def vector(values: Iterable[float]) -> Vector:
    """Three numbers as plain floats, as descriptions hold them."""
    x, y, z = (float(v) for v in values)
    return x, y, z


def direction(yaw: float, lift: float) -> np.ndarray:
    """The unit vector float64[3] that points `lift` above the horizon, and to −y at a yaw of 0."""
    flat = np.cos(lift)
    return np.array([np.sin(yaw) * flat, -np.cos(yaw) * flat, np.sin(lift)])


def placement(position: Vector, rotation: Vector) -> np.ndarray:
    """Object to world, float64[4, 4]: turned about x, y and z, in that order, then moved."""
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = Rotation.from_euler("xyz", rotation).as_matrix(), position
    return out


@dataclass(frozen=True)
class Material:
    """What a surface looks like.

    Attributes:
        color: sRGB; multiplies nothing where there is a texture.
        texture: {"paint": name, …arguments} of a painter (see `painters.PAINTERS`), laid on by the
            mesh's UV coordinates.
        roughness: 0 mirror to 1 chalk.
        metallic, coat: 0 to 1.
        alpha: 1 is opaque.
        emission: watts per square metre and steradian of the colour, for lamps and screens.
    """

    color: Vector = (0.8, 0.8, 0.8)
    texture: dict | None = None
    roughness: float = 0.5
    metallic: float = 0.0
    coat: float = 0.0
    alpha: float = 1.0
    emission: float = 0.0


@dataclass(frozen=True)
class Thing:
    """A mesh somewhere.

    Attributes:
        mesh: {"shape": name, …arguments} of a builder (see `meshing.SHAPES`).
        material: what its surface looks like.
        position: metres.
        rotation: Euler angles about x, y, z, see `placement`.
        label: number in the instance mask; 0 is background. Things that share one are one instance.
    """

    mesh: dict
    material: Material
    position: Vector = (0.0, 0.0, 0.0)
    rotation: Vector = (0.0, 0.0, 0.0)
    label: int = 0

    def matrix(self) -> np.ndarray:
        """Object to world, float64[4, 4]."""
        return placement(self.position, self.rotation)


@dataclass(frozen=True)
class Light:
    """A square area lamp of `size` metres that shines from `position` towards `target`."""

    position: Vector
    target: Vector
    energy: float
    size: float = 1.0
    color: Vector = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera at `position` that looks at `target`, upright but for `roll`.

    `fov` is the vertical angle of view.
    """

    position: Vector
    target: Vector
    fov: float = 0.7
    roll: float = 0.0

    def matrix(self) -> np.ndarray:
        """Camera to world, float64[4, 4]; the camera looks along its −z, y is up in the picture."""
        eye, target = np.array(self.position, float), np.array(self.target, float)
        back = (eye - target) / np.linalg.norm(eye - target)
        side = np.cross([0.0, 0.0, 1.0], back)
        # Looking straight down or up, "upright" has no meaning: take the world's x axis for the
        # picture's.
        length = np.linalg.norm(side)
        side = side / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
        up = np.cross(back, side)
        c, s = np.cos(self.roll), np.sin(self.roll)
        out = np.eye(4)
        out[:3] = np.stack([c * side + s * up, c * up - s * side, back, eye], 1)
        return out


@dataclass(frozen=True)
class Scene:
    """Everything that a picture needs.

    Attributes:
        things, lights, camera: what there is to see, by which light, from where.
        size: (width, height) in pixels.
        samples: light paths per pixel; a denoiser cleans what they leave.
        sky: colour and strength of the light from all around.
        exposure: stops added to the picture.
        seed: of the light paths.
        masks: whether the instance mask and the depth are wanted too.
        notes: labels of the instances, by number; the renderer passes them by.
    """

    things: tuple[Thing, ...]
    lights: tuple[Light, ...]
    camera: Camera
    size: tuple[int, int] = (320, 240)
    samples: int = 8
    sky: Sky = ((1.0, 1.0, 1.0), 0.3)
    exposure: float = 0.0
    seed: int = 0
    masks: bool = True
    notes: dict = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Scene":
        """The scene that `to_json` wrote; raises ValueError if it is not one."""
        try:
            raw = json.loads(text)
            things = tuple(
                Thing(**{**t, "material": Material(**t["material"])}) for t in raw.pop("things")
            )
            lights = tuple(Light(**light) for light in raw.pop("lights"))
            return cls(things=things, lights=lights, camera=Camera(**raw.pop("camera")), **raw)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"This is not a scene description: {str(error)[:200]}.") from None


def project(points: np.ndarray, camera: Camera, size: tuple[int, int]) -> np.ndarray:
    """Where world points float[N, 3] fall in a picture of a size (width, height): float64[N, 3].

    The columns are x and y in pixels from the picture's upper left corner, and the depth. Points
    behind the camera have a negative depth; their pixels mean nothing.
    """
    width, height = size
    frame = camera.matrix()[:3, :3]
    local = (np.asarray(points, float) - camera.position) @ frame  # N,3 in the camera's axes
    depth = -local[:, 2]
    focal = 0.5 * height / np.tan(0.5 * camera.fov)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = 0.5 * width + focal * local[:, 0] / depth
        y = 0.5 * height - focal * local[:, 1] / depth
    return np.stack([x, y, depth], 1)


@dataclass
class Rendered:
    """A picture of a scene.

    Attributes:
        scene: what was rendered.
        image: uint8[H, W, 3], RGB.
        mask: int32[H, W], the label of each pixel's thing, 0 for background; None where the scene
            did not ask for masks.
        depth: float32[H, W], metres along the camera's axis; None as the mask is.
    """

    scene: Scene
    image: np.ndarray
    mask: np.ndarray | None = None
    depth: np.ndarray | None = None

    def passes(self) -> tuple[np.ndarray, np.ndarray]:
        """Mask and depth; raises ValueError where the scene was rendered without them."""
        if self.mask is None or self.depth is None:
            raise ValueError(NO_MASKS)
        return self.mask, self.depth
