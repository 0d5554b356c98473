"""The body: anny's parametric human by age, gender, build, local shape, pose and expression.

A body is described by plain numbers, `Body`; everything else (skin, hair, clothes, glasses) hangs
on its mesh. Template coordinates are those of anny's mean body: metres, z up from the navel or so,
the person looks along −y, x is its left.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
from scipy.spatial.transform import Rotation

# Life stages in years and anny's own axis, from its `MorphologicalAgeMapping`.
YEARS = (0.0, 1.0, 4.0, 11.0, 16.0, 18.0, 64.0, 110.0)
STAGES = (0.0, 0.05, 0.215, 0.415, 0.67, 0.77, 0.83, 1.0)


@dataclass(frozen=True)
class Body:
    """A posed body.

    Attributes:
        years: age, 0 to 90.
        gender: 0 male to 1 female.
        muscle, weight, height, proportions: 0 to 1, 0.5 is average.
        local: anny's local changes by name, −1 to 1.
        face: facial actions by name, 0 to 1.
        pose: rotations of bones by name, degrees about x, y, z.
    """

    years: float
    gender: float
    muscle: float = 0.5
    weight: float = 0.5
    height: float = 0.5
    proportions: float = 0.5
    local: Mapping[str, float] = field(default_factory=dict)
    face: Mapping[str, float] = field(default_factory=dict)
    pose: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)

    def spec(self) -> dict:
        """As plain data, for a scene description."""
        return asdict(self)


@lru_cache
def template() -> SimpleNamespace:
    """What does not depend on the person.

    Returns:
        model: anny's. rest: template vertices float32[V, 3]. faces: int[F, 3].
        uv, face_uv: texture coordinates, and which of them each face's corners have.
        bone: the bone that moves each vertex most, by name. bones: their names in order.
        mean: sparse float64[V, V], the average over a vertex's neighbours.
        skin, head: bool[V]. lips: int[n], vertices. eyes: vertices of the left and the right one.

    Raises:
        ImportError: anny is not installed.
    """
    try:
        import warp

        warp.config.log_level = warp.LOG_ERROR  # or it greets the reader with this machine's paths
        import anny
    except ImportError as error:
        raise ImportError(
            f"People need the anny package ({error}): pip install anny==0.6.2. "
            "The shipped sets can be used without it."
        ) from None
    import scipy.sparse as sparse
    import torch

    model = anny.Anny(local_changes="default", facial_actions="all").to(dtype=torch.float32)
    model.set_skinning_method("lbs")  # plain torch; the default compiles kernels at its first use
    rest, faces = model.template_vertices.numpy(), model.faces.numpy()
    uv = model.texture_coordinates.numpy()
    face_uv = model.face_texture_coordinate_indices.numpy()
    bones = np.array(model.bone_labels)
    strongest = model.vertex_bone_weights.numpy().argmax(1)
    bone = bones[model.vertex_bone_indices.numpy()[np.arange(len(rest)), strongest]]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    ones, shape = np.ones(len(edges)), (len(rest), len(rest))
    graph = sparse.coo_matrix((ones, (edges[:, 0], edges[:, 1])), shape=shape).tocsr()
    graph = ((graph + graph.T) > 0).astype(np.float64)
    part = sparse.csgraph.connected_components(graph, directed=False)[1]
    skin = part == np.bincount(part).argmax()  # the rest are teeth and eyeballs
    return SimpleNamespace(
        model=model,
        rest=rest,
        faces=faces,
        bone=bone,
        bones=list(bones),
        uv=uv,
        face_uv=face_uv,
        mean=sparse.diags(1 / np.asarray(graph.sum(1)).ravel()) @ graph,
        skin=skin,
        lips=np.flatnonzero(skin & _on_lips(len(rest), faces, uv[face_uv])),
        head=np.char.startswith(bone.astype(str), "head") & skin,
        eyes=[np.flatnonzero(bone == f"eye.{s}") for s in "LR"],
    )


def _on_lips(count: int, faces: np.ndarray, corner_uv: np.ndarray) -> np.ndarray:
    """Which of `count` vertices lie on the lips, by the region that anny paints in UV space."""
    from cvbook.worlds.noise import SIDE
    from cvbook.worlds.people.skin import mask

    uv = np.zeros((count, 2))
    uv[faces] = corner_uv
    x, y = (uv * [SIDE, -SIDE] + [0, SIDE]).astype(int).clip(0, SIDE - 1).T
    return mask("lips")[y, x] > 0.5


def stage(years: float) -> float:
    """Years to anny's age axis."""
    return float(np.interp(years, YEARS, STAGES))


def vertices(body: Body) -> np.ndarray:
    """Vertices float32[13718, 3] of the posed body, metres, standing on z = 0.

    Raises:
        ValueError: an unknown bone, facial action or local change.
    """
    import torch

    t = template()
    for given, known, what in (
        (body.pose, t.bones, "bone"),
        (body.face, t.model.facial_action_labels, "facial action"),
        (body.local, t.model.local_change_labels, "local change"),
    ):
        wrong = set(given) - set(known)
        if wrong:
            raise ValueError(f"There is no {what} {sorted(wrong)[0]!r} in anny's body.")
    pose = torch.eye(4)[None, None].repeat(1, len(t.bones), 1, 1)
    for name, degrees in body.pose.items():
        pose[0, t.bones.index(name), :3, :3] = torch.from_numpy(
            Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
        ).float()
    traits = ("gender", "muscle", "weight", "height", "proportions")
    shape = {name: float(getattr(body, name)) for name in traits}
    with torch.no_grad():
        out = t.model(
            pose_parameters=pose,
            phenotype_kwargs={"age": stage(body.years), **shape},
            local_changes_kwargs=dict(body.local),
            facial_actions=dict(body.face),
        )["vertices"][0].numpy()
    return (out - [0, 0, out[:, 2].min()]).astype(np.float32)


@lru_cache(maxsize=32)
def _posed(spec: str) -> np.ndarray:
    return vertices(Body(**json.loads(spec)))


def posed(spec: dict) -> np.ndarray:
    """`vertices` of `Body.spec()`; the last are remembered, as skin and clothes ask for them."""
    return _posed(json.dumps(spec, sort_keys=True))


def normals(points: np.ndarray) -> np.ndarray:
    """Unit vertex normals float32[V, 3] of the body's mesh."""
    faces = template().faces
    a, b, c = (points[faces[:, k]] for k in range(3))
    across = np.cross(b - a, c - a)
    out = np.zeros(points.shape, np.float64)
    for k in range(3):
        np.add.at(out, faces[:, k], across)
    return (out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def head_frame(points: np.ndarray) -> np.ndarray:
    """The affine map float64[3, 4] from template coordinates to a posed head.

    With it, glasses and hats can be placed in the template.
    """
    t = template()
    still = t.head & (t.rest[:, 2] > 0.70)  # the skull; jaw and cheeks move
    source = np.column_stack([t.rest[still], np.ones(still.sum())])
    return np.linalg.lstsq(source, points[still].astype(float), rcond=None)[0].T


def landmarks(points: np.ndarray) -> np.ndarray:
    """Five points float32[5, 3], as MTCNN orders them.

    They are the person's right eye, left eye, nose tip, right and left corner of the mouth.
    """
    t = template()
    x, y, z = t.rest.T
    near = t.head & (y < -0.1)
    nose = np.flatnonzero(near & (np.abs(x) < 0.004) & (z > 0.67) & (z < 0.71))
    nose = nose[t.rest[nose, 1].argmin()]
    mouth = [t.lips[np.argmin(s * t.rest[t.lips, 0])] for s in (1, -1)]  # the person's right is −x
    eyes = [points[t.eyes[k]].mean(0) for k in (1, 0)]
    return np.array([*eyes, points[nose], points[mouth[0]], points[mouth[1]]], np.float32)
