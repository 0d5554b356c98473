"""Pictures of people, with boxes, landmarks and visible fractions.

There are portraits, each with a whole figure of the same moment, and groups in a room.
"""

from dataclasses import replace

import numpy as np

from cvbook.worlds.backdrop import KINDS
from cvbook.worlds.camera import shoot
from cvbook.worlds.people import wear
from cvbook.worlds.people.body import landmarks, posed, template
from cvbook.worlds.people.looks import Look, look
from cvbook.worlds.people.persons import person
from cvbook.worlds.rendered_set import Row, encode
from cvbook.worlds.scene import (
    Camera,
    Light,
    Material,
    Rendered,
    Scene,
    Sky,
    Thing,
    direction,
    placement,
    project,
    vector,
)

Rng = np.random.Generator
# Sizes of the shipped pictures, (width, height).
FACE, BODY, GROUP = (96, 96), (112, 168), (320, 240)
# Light paths a pixel: few, because the pictures are small, denoised, and then compressed.
SAMPLES = 5
PER_IDENTITY = 5
PLACES = tuple(KINDS)


def split_of(identity: int) -> str:
    """Every fifth identity is never trained on.

    Five shares no factor with 2 × 18, so both parts have all ages and genders.
    """
    return "test" if identity % 5 == 4 else "train"


def backdrop(rng: Rng, camera: Camera, behind: float, aspect: float) -> Thing:
    """A picture that fills the view, `behind` metres behind what the camera looks at."""
    frame = camera.matrix()
    away = float(np.linalg.norm(np.subtract(camera.position, camera.target))) + behind
    height = 2 * away * np.tan(camera.fov / 2) * float(rng.uniform(1.3, 2.2))
    centre = frame[:3, 3] - away * frame[:3, 2]
    yaw = np.arctan2(frame[1, 0], frame[0, 0])
    picture = {"paint": "backdrop", "seed": int(rng.integers(10**6))}
    picture |= {"kind": str(rng.choice(PLACES))}
    mesh = {"shape": "box", "size": [float(1.5 * height * max(1.0, aspect)), 0.02, float(height)]}
    screen = Material(texture=picture, emission=float(rng.uniform(0.5, 1.1)))
    return Thing(mesh, screen, vector(centre - [0, 0, height / 2]), (0.0, 0.0, float(yaw)))


def _lamps(rng: Rng, centre: np.ndarray, towards: float) -> tuple[tuple[Light, ...], Sky]:
    """A key light somewhere before the person, sometimes a second, from indoor lamps to sun."""
    lamps = []
    for energy in (rng.uniform(14, 60), rng.uniform(4, 20))[: 1 + int(rng.random() < 0.5)]:
        yaw, lift = towards + rng.normal(0, 0.9), rng.uniform(0.1, 1.1)
        warm = rng.uniform(-0.15, 0.15)
        tint = (float(min(1, 1 + warm)), 1.0, float(min(1, 1 - warm)))
        place = centre + 1.8 * direction(yaw, lift)
        size = float(rng.choice([0.15, 0.5, 1.0]))
        lamps.append(Light(vector(place), vector(centre), float(energy), size, tint))
    return tuple(lamps), (vector(rng.uniform(0.8, 1.0, 3)), float(rng.uniform(0.25, 0.7)))


def floor(rng: Rng) -> Thing:
    """Tiles, boards or grass."""
    kind = rng.random()
    color = rng.uniform(0.25, 0.8) * np.array([1, 0.95, 0.88])
    paint: dict = {"paint": "photo", "name": "train-grass.jpg"}
    if kind < 0.4:
        paint = {"paint": "tiles", "seed": int(rng.integers(1000)), "color": color.tolist()}
    elif kind < 0.7:
        paint = {"paint": "wood", "seed": int(rng.integers(1000))}
        paint |= {"color": (color * [1, 0.78, 0.55]).tolist()}
    mesh = {"shape": "plane", "size": [16.0, 16.0], "repeat": 9}
    return Thing(mesh, Material(texture=paint, roughness=0.7))


def _view(
    rng: Rng,
    aim: np.ndarray,
    away: float,
    yaw: float,
    lift: float,
    extent: float,
    reach: tuple[float, float],
    roll: float,
) -> Camera:
    """A camera `away` metres from its aim.

    Half of its picture's height is a share, drawn between the two of `reach`, of `extent` metres;
    `roll` is the deviation of its roll.
    """
    eye = aim + away * direction(yaw, lift)
    fov = float(2 * np.arctan(extent * rng.uniform(*reach) / away))
    return Camera(vector(eye), vector(aim), fov, float(rng.normal(0, roll)))


def portrait(seed: int, index: int) -> tuple[Scene, Scene]:
    """Face and body of picture `index`: one identity at one moment, in one light.

    The identity is number `index // PER_IDENTITY`.

    Returns:
        Two scenes, of FACE and BODY pixels, whose `notes` hold the truth and the body's
        description.
    """
    rng = np.random.default_rng([seed, index, 81])
    seen = look(seed, person(seed, index // PER_IDENTITY), index % PER_IDENTITY)
    points = posed(seen.body)
    head = points[template().head]
    centre, tall = 0.5 * (head.min(0) + head.max(0)), float(np.ptp(head[:, 2]))
    yaw = float(rng.normal(0, 0.45)) if rng.random() < 0.88 else float(rng.uniform(-np.pi, np.pi))
    lights, sky = _lamps(rng, centre, yaw)
    exposure, noise = float(rng.uniform(-0.4, 0.4)), int(rng.integers(2**31))
    notes = {"truth": seen.truth, "body": seen.body}
    # The face: as a detector crops it, never quite centred.
    away, lift = float(rng.uniform(0.9, 2.4)), float(rng.normal(0.03, 0.12))
    aim = centre + rng.normal(0, 0.04, 3) * tall
    near = _view(rng, aim, away, yaw, lift, tall, (0.58, 0.72), 0.06)
    behind = backdrop(rng, near, float(rng.uniform(0.8, 2.5)), 1.0)
    face = Scene(
        things=(*seen.things, behind),
        lights=lights,
        camera=near,
        size=FACE,
        samples=SAMPLES,
        sky=sky,
        exposure=exposure,
        seed=noise,
        notes=notes,
    )
    # The body, with something in front of it now and then.
    height = float(points[:, 2].max())
    away, lift = height * float(rng.uniform(1.8, 3.2)), float(rng.uniform(-0.05, 0.35))
    aim = np.array([0, 0, 0.5 * height]) + rng.normal(0, 0.02, 3) * height
    far = _view(rng, aim, away, yaw, lift, height, (0.53, 0.62), 0.03)
    behind = backdrop(rng, far, float(rng.uniform(1.0, 3.0)), BODY[0] / BODY[1])
    things = [*seen.things, behind, floor(rng)]
    if rng.random() < 0.2:
        size = [float(rng.uniform(0.1, 0.5) * height), 0.05, float(rng.uniform(0.2, 0.55) * height)]
        before = 0.35 * height * np.array([np.sin(yaw), -np.cos(yaw)])
        x, y = (before + rng.uniform(-0.2, 0.2, 2) * height).tolist()
        color = Material(color=vector(rng.uniform(0.05, 0.9, 3)))
        things.append(Thing({"shape": "box", "size": size}, color, (x, y, 0.0), (0, 0, yaw)))
    body = replace(face, things=tuple(things), camera=far, size=BODY, seed=noise + 1)
    return face, body


def _box(points: np.ndarray) -> list[float]:
    return [round(float(v), 1) for v in (*points[:, :2].min(0), *points[:, :2].max(0))]


def _seen(points: np.ndarray, depth: np.ndarray, slack: float) -> float:
    """Share of projected points float[N, 3] that a camera sees.

    They are in the picture and not behind something else by more than `slack` metres.
    """
    h, w = depth.shape
    x, y = points[:, 0].astype(int), points[:, 1].astype(int)
    inside = (x >= 0) & (y >= 0) & (x < w) & (y < h) & (points[:, 2] > 0)
    before = points[:, 2] < depth[y.clip(0, h - 1), x.clip(0, w - 1)] + slack
    return float((inside & before).mean())


def measure(picture: Rendered, body: dict, matrix: np.ndarray | None = None) -> dict:
    """Where one person is in a picture, from its mesh and the depth map.

    Args:
        picture: rendered with masks.
        body: the person's description.
        matrix: object to world; None where it stands at the origin.

    Returns:
        A dictionary with boxes (x0, y0, x1, y1) in pixels, hidden and outside parts too, as
        face_box, head_box and body_box; five points (x, y) as landmarks; and as face_visible and
        body_visible the shares of the mesh's points that the camera sees: of a face turned away
        none.
    """
    t, scene = template(), picture.scene
    _, depth = picture.passes()
    world = np.eye(4) if matrix is None else matrix

    def flat_of(points: np.ndarray) -> np.ndarray:
        there = points.astype(float) @ world[:3, :3].T + world[:3, 3]
        return project(there, scene.camera, scene.size)

    flat, marks = flat_of(posed(body)), flat_of(landmarks(posed(body)))
    _, y, z = t.rest.T
    front = t.head & (wear.azimuth() < 1.1) & (z > 0.615) & (z < 0.80) & (y < -0.09)
    return {
        "face_box": _box(flat[front]),
        "head_box": _box(flat[t.head]),
        "body_box": _box(flat),
        "landmarks": [[round(float(v), 1) for v in point[:2]] for point in marks],
        "face_visible": round(_seen(flat[front], depth, 0.03), 3),
        # Half of a body faces away from the camera.
        "body_visible": round(min(1.0, 2 * _seen(flat[t.skin], depth, 0.05)), 3),
    }


def moved(seen: Look, x: float, y: float, turn: float, label: int) -> list[Thing]:
    """A look's things at another spot, turned about the vertical, with a label."""
    spot, turned = (x, y, 0.0), (0.0, 0.0, turn)
    return [replace(t, position=spot, rotation=turned, label=label) for t in seen.things]


def group(seed: int, index: int) -> Scene:
    """One to ten people who stand about, seen from eye height or a little above.

    `notes` has each one's truth, body and place, by label.
    """
    rng = np.random.default_rng([seed, index, 82])
    count = int(rng.integers(1, 11))
    things: list[Thing] = []
    notes: dict[str, dict] = {}
    spots: list[np.ndarray] = []
    while len(spots) < count:
        spot = rng.uniform([-1.9, -0.6], [1.9, 3.4])
        if all(np.linalg.norm(spot - other) > 0.55 for other in spots):
            spots.append(spot)
    part = index % 5 == 4  # held-out identities are in held-out pictures
    for label, (x, y) in enumerate(spots, 1):
        number = int(rng.integers(0, 400)) * 5 + (4 if part else int(rng.integers(0, 4)))
        seen = look(seed, person(seed, number), 1000 + index)
        straight = rng.random() < 0.85
        turn = float(rng.normal(0, 0.6) if straight else rng.uniform(-np.pi, np.pi))
        things += moved(seen, float(x), float(y), turn, label)
        place = [float(x), float(y), turn]
        notes[str(label)] = {"truth": seen.truth, "body": seen.body, "place": place}
    feet, camera = np.pad(np.array(spots), ((0, 0), (0, 1))), None
    while camera is None or not _anybody(feet, camera):
        height = float(rng.uniform(1.3, 2.4))
        camera = Camera(
            position=(float(rng.uniform(-1, 1)), -float(rng.uniform(2.6, 4.0)), height),
            target=(float(rng.uniform(-0.3, 0.3)), 1.0, float(rng.uniform(0.9, 1.2))),
            fov=float(rng.uniform(0.55, 0.8)),
            roll=float(rng.normal(0, 0.02)),
        )
    lamps, sky = _lamps(rng, np.array([0, 0.5, 1.4]), 0.0)
    lights = []
    for lamp in lamps:  # a room's are further away than a portrait's, and stronger
        position = np.add(np.multiply(lamp.position, 1.8), [0, 0, 0.6])
        lights.append(replace(lamp, energy=9 * lamp.energy, position=vector(position)))
    return Scene(
        things=(*things, floor(rng), backdrop(rng, camera, 4.5, GROUP[0] / GROUP[1])),
        lights=tuple(lights),
        camera=camera,
        size=GROUP,
        samples=SAMPLES,
        sky=sky,
        exposure=float(rng.uniform(-0.3, 0.4)),
        seed=int(rng.integers(2**31)),
        notes=notes,
    )


def _anybody(feet: np.ndarray, camera: Camera) -> bool:
    """Whether anybody's feet float[N, 3] are between the picture's left and right border."""
    x = project(feet, camera, GROUP)[:, 0]
    return bool(((x > 0) & (x < GROUP[0])).any())


def count_pixels(picture: Rendered, label: str) -> int:
    """Pixels of the thing with a label."""
    mask, _ = picture.passes()
    return int((mask == int(label)).sum())


def people_row(pictures: tuple[Rendered, ...], seed: int, index: int) -> Row:
    """Columns of the people set: face and body at one moment, and what is known of the person.

    That is the truth about it, and where things are in either picture.
    """
    rng = np.random.default_rng([seed, index, 53])
    notes = pictures[0].scene.notes
    face, body = (measure(p, notes["body"]) for p in pictures)
    return {
        "face": encode(shoot(pictures[0].image, rng, 0.35)),
        "body": encode(shoot(pictures[1].image, rng, 0.35)),
        "index": index,
        "split": split_of(notes["truth"]["identity"]),
        **notes["truth"],
        "landmarks": face["landmarks"],
        "face_box": face["face_box"],
        "face_visible": face["face_visible"],
        "body_face_box": body["face_box"],
        "body_head_box": body["head_box"],
        "body_box": body["body_box"],
        "body_visible": body["body_visible"],
    }


def group_row(pictures: tuple[Rendered, ...], seed: int, index: int) -> Row:
    """Columns of the set of faces in scenes: the picture, and lists over its people.

    Who takes most pixels comes first.
    """
    (picture,) = pictures
    found = []
    for label, note in picture.scene.notes.items():
        x, y, turn = note["place"]
        where = measure(picture, note["body"], placement((x, y, 0.0), (0.0, 0.0, turn)))
        found.append({**note["truth"], **where, "pixels": count_pixels(picture, label)})
    found = sorted((f for f in found if f["pixels"]), key=lambda f: -f["pixels"])
    person_keys = ("identity", "years", "gender", "smile")
    boxes = ("face_box", "head_box", "body_box", "landmarks")
    keys = (*person_keys, *boxes, "face_visible", "body_visible", "pixels")
    image = encode(shoot(picture.image, np.random.default_rng([seed, index, 54]), 0.4))
    return {
        "image": image,
        "index": index,
        "split": "test" if index % 5 == 4 else "train",
        **{key: [f[key] for f in found] for key in keys},
    }
