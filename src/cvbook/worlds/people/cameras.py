"""People who walk past the cameras of two buildings, cut out as a detector would: for re-identification.

On one day a person wears one set of clothes, so clothes help here, as they do in Market-1501 and its like. They do not tell all: three of four
garments are black, grey, navy, beige or white. Held out are people of the first building, and the second building with its people and cameras.
"""

from dataclasses import replace

import numpy as np

from cvbook.worlds.camera import shoot
from cvbook.worlds.people.body import posed
from cvbook.worlds.people.looks import look, pose
from cvbook.worlds.people.persons import person
from cvbook.worlds.people.pictures import SAMPLES, backdrop, floor, measure
from cvbook.worlds.rendered_set import Row, encode
from cvbook.worlds.scene import Camera, Light, Material, Rendered, Scene, Thing, placement

SIZE = (64, 128)  # width and height, as in Market-1501
CAMERAS, PASSES = 4, 2  # cameras of a building, and how often each sees a person
TRAIN, AWAY, HOME = (
    240,
    160,
    100,
)  # people to learn from, people of the other building, and new people of the first
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
    """The person, of those that `persons.person` draws, who is number `who` here: not in the people set, and at least five years old."""
    return 1296 + 36 * (who // 34) + 2 + who % 34


def muted(things: tuple[Thing, ...], rng: np.random.Generator) -> tuple[Thing, ...]:
    """Three of four pieces of cloth in the colours that most people wear."""
    out = []
    for thing in things:
        paint = thing.material.texture
        if paint and paint["paint"] == "cloth" and rng.random() < 0.75:
            chosen = np.array(MUTED)[rng.choice(len(MUTED), 2, replace=False)] * rng.uniform(
                0.8, 1.2, (2, 1)
            )
            thing = replace(
                thing,
                material=replace(
                    thing.material, texture={**paint, "colors": chosen.clip(0.02, 0.95).tolist()}
                ),
            )
        out.append(thing)
    return tuple(out)


def sighting(seed: int, index: int) -> Scene:
    """Picture `index`: eight in a row are one person, two by each camera of a building. `notes` has the truth about the person, body, camera and pass."""
    who, view = divmod(index, CAMERAS * PASSES)
    building, camera = int(TRAIN <= who < TRAIN + AWAY), view // PASSES
    identity = person(seed, number_of(who))
    rng = np.random.default_rng([seed, index, 96])
    today = look(seed, identity, 3000)  # what is worn is drawn once; below only the pose changes
    body = {**today.body, "pose": pose(rng, identity.years)}
    dressed = muted(today.things, np.random.default_rng([seed, who, 97]))
    things = [replace(t, mesh={**t.mesh, "body": body}) for t in dressed]

    place = np.random.default_rng([seed, building, camera, 98])  # what a camera sees of everybody
    height, away, side = (
        float(place.uniform(2.0, 3.4)),
        float(place.uniform(3.0, 6.0)),
        float(place.uniform(-0.9, 0.9)),
    )
    warm, energy, stops, sky = (
        float(place.uniform(-0.2, 0.2)),
        float(place.uniform(50, 180)),
        float(place.uniform(-0.5, 0.5)),
        float(place.uniform(0.2, 0.7)),
    )
    lamp = place.uniform([-2, -3, 2.6], [2, 1, 3.4])
    wall, ground = int(place.integers(2**31)), int(place.integers(2**31))

    points = posed(body)
    tall = float(points[:, 2].max())
    yaw = (
        side + float(rng.normal(0, 0.35)) + np.pi * (rng.random() < 0.4)
    )  # some walk away from the camera
    # A detector's box is never quite right: off a little, too wide or too tight, and now and then without the feet or the head.
    shift = np.array(
        [
            *rng.normal(0, 0.02, 2),
            rng.normal(0, 0.03) + (rng.random() < 0.15) * rng.choice([-0.18, 0.14]),
        ]
    )
    aim = tall * (np.array([0, 0, 0.5]) + shift)
    eye = np.array([away * np.sin(yaw), -away * np.cos(yaw), max(height, 0.6 * tall)])
    reach = float(np.linalg.norm(eye - aim))
    view_of = Camera(
        tuple(eye.tolist()),
        tuple(aim.tolist()),
        float(2 * np.arctan(tall * rng.uniform(0.48, 0.62) / reach)),
        float(rng.normal(0, 0.02)),
    )
    # Lamp and wall belong to the camera, so they turn with it.
    turn = placement((0, 0, 0), (0, 0, yaw))[:3, :3]
    light = Light(
        tuple((turn @ lamp).tolist()),
        (0.0, 0.0, 0.5 * tall),
        energy,
        0.6,
        (min(1.0, 1 + warm), 1.0, min(1.0, 1 - warm)),
    )
    scene = [
        *things,
        backdrop(np.random.default_rng(wall), view_of, 2.0, SIZE[0] / SIZE[1]),
        floor(np.random.default_rng(ground)),
    ]
    if rng.random() < 0.15:  # somebody's suitcase, a bin
        spot = (turn @ np.array([rng.uniform(-0.25, 0.25), -0.45, 0])) * tall
        size = [float(rng.uniform(0.15, 0.35) * tall), 0.2, float(rng.uniform(0.15, 0.45) * tall)]
        scene.append(
            Thing(
                {"shape": "box", "size": size},
                Material(color=tuple(rng.uniform(0.05, 0.9, 3).tolist())),
                tuple(spot.tolist()),
                (0, 0, float(yaw)),
            )
        )
    notes = {
        "truth": {**today.truth, "identity": who},
        "body": body,
        "camera": CAMERAS * building + camera,
        "pass": view % PASSES,
    }
    exposure = stops + float(rng.normal(0, 0.1))
    return Scene(
        tuple(scene),
        (light,),
        view_of,
        SIZE,
        SAMPLES,
        ((1.0, 1.0, 1.0), sky),
        exposure,
        int(rng.integers(2**31)),
        notes=notes,
    )


def camera_row(pictures: tuple[Rendered, ...], seed: int, index: int) -> Row:
    """Columns of the set of people before"""
    (picture,) = pictures
    notes = picture.scene.notes
    where = measure(picture, notes["body"])
    split = "train" if index // (CAMERAS * PASSES) < TRAIN else "test"
    about = {
        "image": encode(shoot(picture.image, np.random.default_rng([seed, index, 56]), 0.35)),
        "index": index,
        "camera": notes["camera"],
        "split": split,
    }
    return {
        **about,
        **notes["truth"],
        "body_box": where["body_box"],
        "body_visible": where["body_visible"],
    }
