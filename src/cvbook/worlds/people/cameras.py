"""People who walk past the cameras of two buildings, cut out as a detector would.

They are for re-identification. On one day a person wears one set of clothes, so clothes help here,
as they do in Market-1501 and its like. They do not tell all: three of four garments are black,
grey, navy, beige or white. Held out are people of the first building, and the second building with
its people and cameras.
"""

from dataclasses import dataclass, replace

import numpy as np

from cvbook.worlds.camera import shoot
from cvbook.worlds.people.body import posed
from cvbook.worlds.people.looks import look, pose
from cvbook.worlds.people.persons import person
from cvbook.worlds.people.pictures import SAMPLES, backdrop, floor, measure
from cvbook.worlds.rendered_set import Row, encode
from cvbook.worlds.scene import Camera, Light, Material, Rendered, Scene, Thing, placement, vector

Rng = np.random.Generator
SIZE = (64, 128)  # width and height, as in Market-1501
CAMERAS, PASSES = 4, 2  # cameras of a building, and how often each sees a person
# People to learn from, people of the other building, and new people of the first.
TRAIN, AWAY, HOME = 240, 160, 100
MUTED = (
    (0.04, 0.04, 0.05),
    (0.13, 0.13, 0.14),
    (0.06, 0.08, 0.22),
    (0.35, 0.36, 0.38),
    (0.2, 0.28, 0.42),
    (0.7, 0.62, 0.5),
    (0.88, 0.87, 0.85),
    (0.25, 0.27, 0.18),
)


def number_of(who: int) -> int:
    """The person, of those that `persons.person` draws, who is number `who` here.

    Nobody of the people set is among them, and nobody under five.
    """
    return 1296 + 36 * (who // 34) + 2 + who % 34


def muted(things: tuple[Thing, ...], rng: Rng) -> tuple[Thing, ...]:
    """Three of four pieces of cloth in the colours that most people wear."""
    out = []
    for thing in things:
        paint = thing.material.texture
        if paint and paint["paint"] == "cloth" and rng.random() < 0.75:
            two = np.array(MUTED)[rng.choice(len(MUTED), 2, replace=False)]
            colors = (two * rng.uniform(0.8, 1.2, (2, 1))).clip(0.02, 0.95).tolist()
            material = replace(thing.material, texture={**paint, "colors": colors})
            thing = replace(thing, material=material)
        out.append(thing)
    return tuple(out)


@dataclass(frozen=True)
class Place:
    """What a camera sees of everybody, as it hangs.

    Attributes:
        height, away: of the camera above the floor and from the people, metres.
        side: angle in radians from which it sees those who walk straight ahead.
        warm: tint of its light, −1 blue to 1 yellow. energy: watts.
        stops: its exposure.
        sky: strength of the light from all around.
        lamp: where the light stands, metres, float[3].
        wall, ground: seeds of what is behind and below.
    """

    height: float
    away: float
    side: float
    warm: float
    energy: float
    stops: float
    sky: float
    lamp: np.ndarray
    wall: int
    ground: int


def place_of(seed: int, building: int, camera: int) -> Place:
    """The place that a camera of a building looks at."""
    rng = np.random.default_rng([seed, building, camera, 98])
    # The keywords stand in the order in which they are drawn.
    return Place(
        height=float(rng.uniform(2.0, 3.4)),
        away=float(rng.uniform(3.0, 6.0)),
        side=float(rng.uniform(-0.9, 0.9)),
        warm=float(rng.uniform(-0.2, 0.2)),
        energy=float(rng.uniform(50, 180)),
        stops=float(rng.uniform(-0.5, 0.5)),
        sky=float(rng.uniform(0.2, 0.7)),
        lamp=rng.uniform([-2, -3, 2.6], [2, 1, 3.4]),
        wall=int(rng.integers(2**31)),
        ground=int(rng.integers(2**31)),
    )


def sighting(seed: int, index: int) -> Scene:
    """Picture `index`: eight in a row are one person, two by each camera of a building.

    `notes` has the truth about the person, body, camera and pass.
    """
    who, view = divmod(index, CAMERAS * PASSES)
    building, camera = int(TRAIN <= who < TRAIN + AWAY), view // PASSES
    identity = person(seed, number_of(who))
    rng = np.random.default_rng([seed, index, 96])
    today = look(seed, identity, 3000)  # what is worn is drawn once; below only the pose changes
    body = {**today.body, "pose": pose(rng, identity.years)}
    dressed = muted(today.things, np.random.default_rng([seed, who, 97]))
    things = [replace(t, mesh={**t.mesh, "body": body}) for t in dressed]
    place = place_of(seed, building, camera)
    tall = float(posed(body)[:, 2].max())
    yaw = place.side + float(rng.normal(0, 0.35))
    yaw += np.pi * (rng.random() < 0.4)  # some walk away from the camera
    seen = _box_of(rng, place, tall, yaw)
    # Lamp and wall belong to the camera, so they turn with it.
    turn = placement((0, 0, 0), (0, 0, yaw))[:3, :3]
    tint = (min(1.0, 1 + place.warm), 1.0, min(1.0, 1 - place.warm))
    lamp = Light(vector(turn @ place.lamp), (0.0, 0.0, 0.5 * tall), place.energy, 0.6, tint)
    things.append(backdrop(np.random.default_rng(place.wall), seen, 2.0, SIZE[0] / SIZE[1]))
    things.append(floor(np.random.default_rng(place.ground)))
    if rng.random() < 0.15:  # somebody's suitcase, a bin
        spot = (turn @ np.array([rng.uniform(-0.25, 0.25), -0.45, 0])) * tall
        size = [float(rng.uniform(0.15, 0.35) * tall), 0.2, float(rng.uniform(0.15, 0.45) * tall)]
        color = Material(color=vector(rng.uniform(0.05, 0.9, 3)))
        box = {"shape": "box", "size": size}
        things.append(Thing(box, color, vector(spot), (0, 0, float(yaw))))
    notes = {
        "truth": {**today.truth, "identity": who},
        "body": body,
        "camera": CAMERAS * building + camera,
        "pass": view % PASSES,
    }
    return Scene(
        things=tuple(things),
        lights=(lamp,),
        camera=seen,
        size=SIZE,
        samples=SAMPLES,
        sky=((1.0, 1.0, 1.0), place.sky),
        exposure=place.stops + float(rng.normal(0, 0.1)),
        seed=int(rng.integers(2**31)),
        notes=notes,
    )


def _box_of(rng: Rng, place: Place, tall: float, yaw: float) -> Camera:
    """A detector's box round a person, as the view of a camera.

    It is never quite right: off a little, too wide or too tight, and now and then without the feet
    or the head.
    """
    across = rng.normal(0, 0.02, 2)
    up = rng.normal(0, 0.03) + (rng.random() < 0.15) * rng.choice([-0.18, 0.14])
    aim = tall * (np.array([0, 0, 0.5]) + np.array([*across, up]))
    height = max(place.height, 0.6 * tall)
    eye = np.array([place.away * np.sin(yaw), -place.away * np.cos(yaw), height])
    reach = float(np.linalg.norm(eye - aim))
    fov = float(2 * np.arctan(tall * rng.uniform(0.48, 0.62) / reach))
    return Camera(vector(eye), vector(aim), fov, float(rng.normal(0, 0.02)))


def camera_row(pictures: tuple[Rendered, ...], seed: int, index: int) -> Row:
    """Columns of the set of people before cameras: the picture, and what is known of the person."""
    (picture,) = pictures
    notes = picture.scene.notes
    where = measure(picture, notes["body"])
    image = shoot(picture.image, np.random.default_rng([seed, index, 56]), 0.35)
    return {
        "image": encode(image),
        "index": index,
        "camera": notes["camera"],
        "split": "train" if index // (CAMERAS * PASSES) < TRAIN else "test",
        **notes["truth"],
        "body_box": where["body_box"],
        "body_visible": where["body_visible"],
    }
