"""Who is in the picture: identities, and how each looks on a given day.

An identity is a fixed draw of shape, skin, hair and habits. A picture of it adds what changes: age by a few years, pose, expression,
clothes, glasses, light. Nothing that training should not use is tied to age or gender: backgrounds, cameras, lights, cloth colours and
picture sizes are drawn without looking at the person; clothes, hair and make-up are hints with exceptions.
"""

from dataclasses import dataclass

import numpy as np

from cvbook.worlds.people.body import Body, template
from cvbook.worlds.scene import Material, Thing

Rng = np.random.Generator
BINS, BIN_YEARS = 18, 5  # ages 0 to 90
HAIR = {
    "black": (0.035, 0.03, 0.03),
    "dark brown": (0.10, 0.06, 0.04),
    "brown": (0.23, 0.14, 0.08),
    "red": (0.42, 0.16, 0.06),
    "blond": (0.62, 0.47, 0.26),
}
IRIS = {
    "brown": (0.28, 0.16, 0.08),
    "dark": (0.12, 0.07, 0.05),
    "blue": (0.30, 0.45, 0.60),
    "green": (0.33, 0.42, 0.25),
    "grey": (0.45, 0.48, 0.50),
}
AVERAGE = {
    "muscle": 0.45,
    "weight": 0.48,
    "height": 0.38,
}  # of a population's bodies; with these, heights follow the growth tables
CLOTH = (
    "plain",
    "plain",
    "plain",
    "stripes",
    "pinstripes",
    "checks",
    "dots",
    "flowers",
    "print",
    "knit",
)


@dataclass(frozen=True)
class Person:
    """An identity.

    Attributes:
        number: of the identity. gender: "male" or "female". years: age at the middle of its pictures.
        shape, local: of `body.Body`. tone: place on the Monk scale. hair, iris: names in HAIR and IRIS.
        long_hair, curls, bald, brow, freckles, beard, glasses: traits and habits, 0 to 1. fringe: 0 low on the forehead to 1.
        grey_from: age in years at which the hair turns.
    """

    number: int
    gender: str
    years: float
    shape: dict
    local: dict
    tone: float
    hair: str
    iris: str
    long_hair: float
    fringe: float
    curls: float
    bald: float
    brow: float
    freckles: float
    beard: float
    glasses: float
    grey_from: float


def person(seed: int, number: int) -> Person:
    """The identity `number` of a population; genders take turns and ages go through the 5-year bins, so any long run is balanced."""
    rng = np.random.default_rng([seed, number, 71])
    female = number % 2 == 1
    years = BIN_YEARS * ((number // 2) % BINS + rng.random())
    labels = [
        n
        for n in template().model.local_change_labels
        if n.startswith(
            (
                "l-cheek",
                "chin",
                "l-ear",
                "eyebrows",
                "l-eye",
                "forehead",
                "head",
                "mouth",
                "neck-scale",
                "nose",
                "torso",
                "hip-scale",
                "stomach-tone",
            )
        )
        and n not in ("head-age-incr", "mouth-laugh-lines-out", "mouth-angles-up")
    ]
    local = {}
    for name, value in zip(labels, rng.normal(0, 0.26, len(labels)).clip(-0.8, 0.8)):
        value *= 0.45 if "eye-" in name else 1.0  # or eyes fall shut
        local[name] = float(value)
        if name.startswith("l-"):  # faces are nearly, not quite, the same on both sides
            local["r-" + name[2:]] = float(value + rng.normal(0, 0.05))
    tone = float(rng.uniform(1, 10))
    dark = tone > 5.5
    hair = str(
        rng.choice(
            list(HAIR), p=[0.62, 0.28, 0.08, 0.01, 0.01] if dark else [0.14, 0.26, 0.28, 0.10, 0.22]
        )
    )
    iris = str(
        rng.choice(
            list(IRIS), p=[0.45, 0.50, 0.01, 0.03, 0.01] if dark else [0.30, 0.14, 0.28, 0.14, 0.14]
        )
    )
    shape = {
        "muscle": float(np.clip(rng.normal(AVERAGE["muscle"], 0.15), 0.1, 0.9)),
        "weight": float(np.clip(rng.normal(AVERAGE["weight"], 0.16), 0.1, 0.95)),
        "height": float(np.clip(rng.normal(AVERAGE["height"], 0.11), 0.02, 0.8)),
        "proportions": float(rng.uniform(0.2, 0.8)),
        "gender": float(np.clip(rng.normal(0.90 if female else 0.10, 0.07), 0, 1)),
    }
    return Person(
        number,
        "female" if female else "male",
        float(years),
        shape,
        local,
        tone,
        hair,
        iris,
        float(np.clip(rng.normal(0.72 if female else 0.2, 0.22), 0, 1)),
        float(rng.random()),
        float(rng.random() ** (0.6 if dark else 1.6)),
        float(rng.random() if not female else 0.1 * rng.random()),
        float(np.clip(rng.normal(0.25 if female else 0.55, 0.2), 0, 1)),
        float(rng.random() ** 3),
        float(rng.random() if not female else 0.0),
        float(rng.random()),
        float(rng.normal(48, 8)),
    )


@dataclass(frozen=True)
class Look:
    """A person in one picture: the things to render, standing at the origin and facing −y, and the truth about them."""

    things: tuple[Thing, ...]
    body: dict
    truth: dict


def pose(rng: Rng, years: float) -> dict:
    """Rotations of bones, degrees: standing, arms hanging or busy, the head turned a little; the old stoop."""
    swing = float(rng.uniform(30, 46))
    stoop = 10 * np.clip((years - 60) / 30, 0, 1)
    bones = {
        "upperarm01.L": (float(rng.normal(0, 8)), swing, 0.0),
        "upperarm01.R": (float(rng.normal(0, 8)), -swing, 0.0),
        "upperleg01.L": (float(rng.normal(0, 6)), 0.0, 0.0),
        "upperleg01.R": (float(rng.normal(0, 6)), 0.0, 0.0),
        "spine03": (float(stoop + rng.normal(0, 2)), 0.0, float(rng.normal(0, 5))),
        "neck01": (float(-0.4 * stoop), 0.0, 0.0),
        "head": (float(rng.normal(-2, 6)), float(rng.normal(0, 4)), float(rng.normal(0, 12))),
    }
    busy = rng.random()
    for side in "LR":
        if busy < 0.1 or (busy < 0.3 and side == "L"):
            bones[f"lowerarm01.{side}"] = (float(rng.uniform(-45, -10)), 0.0, 0.0)
    return bones


def _face(rng: Rng, smile: float) -> dict:
    """Facial actions with a known strength of the smile; the rest is what faces do meanwhile."""
    blink, squint = float(rng.random() ** 8), 0.55 * smile
    brows, wide = float(rng.uniform(0, 0.35)), float(rng.uniform(0.2, 0.6))
    return {
        "mouthSmileLeft": smile,
        "mouthSmileRight": float(np.clip(smile * rng.uniform(0.85, 1.1), 0, 1)),
        "cheekSquintLeft": squint,
        "cheekSquintRight": squint,
        "jawOpen": float(rng.uniform(0, 0.16) * (rng.random() < 0.5)),
        "browInnerUp": brows,
        "eyeBlinkLeft": blink,
        "eyeBlinkRight": blink,
        "eyeWideLeft": wide,
        "eyeWideRight": wide,
        "mouthFrownLeft": float(0.3 * rng.random() * (smile < 0.05)),
        "mouthPucker": float(0.25 * rng.random() * (smile < 0.2)),
        "mouthUpperUpLeft": 0.25 * smile,
        "mouthUpperUpRight": 0.25 * smile,
        "eyeSquintLeft": 0.3 * smile,
        "eyeSquintRight": 0.3 * smile,
    }


def _colors(rng: Rng) -> list[list[float]]:
    first = rng.uniform(0.03, 0.9, 3) * rng.uniform(0.4, 1)
    return [
        first.tolist(),
        np.clip(first + rng.choice([-1, 1]) * rng.uniform(0.2, 0.6, 3), 0.02, 0.95).tolist(),
    ]


def _clothes(
    rng: Rng, person: Person, years: float, body: dict
) -> tuple[list[Thing], list[dict], dict]:
    """Garments, the fields that hide skin under them, and their names."""
    things, hidden = [], []

    def wear(field: dict, kind: str, thickness: float, smooth: int, rough: float = 0.0) -> None:
        fabric = Material(
            texture={
                "paint": "cloth",
                "seed": int(rng.integers(10**6)),
                "kind": kind,
                "colors": _colors(rng),
            },
            roughness=0.9,
        )
        things.append(
            Thing(
                {
                    "shape": "garment",
                    "body": body,
                    "field": field,
                    "thickness": thickness,
                    "smooth": smooth,
                    "rough": rough,
                    "seed": 1,
                },
                fabric,
            )
        )
        hidden.append(field)

    upper = str(
        rng.choice(
            ["t-shirt", "shirt", "jumper", "vest", "jacket"], p=[0.35, 0.25, 0.2, 0.08, 0.12]
        )
    )
    sleeve = {"t-shirt": 0.13, "shirt": 0.35, "jumper": 0.36, "vest": 0.02, "jacket": 0.36}[
        upper
    ] + float(rng.normal(0, 0.015))
    thick, smooth = {
        "t-shirt": (0.014, 8),
        "shirt": (0.015, 8),
        "jumper": (0.018, 14),
        "vest": (0.013, 6),
        "jacket": (0.024, 16),
    }[upper]
    skirted = rng.random() < (
        0.35 if person.gender == "female" else 0.06
    )  # kilts and wraps: a skirt is a hint, not the answer
    shorts = rng.random() < (0.3 if years < 14 else 0.12)
    hem = float(rng.uniform(-0.06, 0.04))
    if not skirted:
        cloth = str(rng.choice(["denim", "plain", "plain", "checks"]))
        wear(
            {
                "name": "bottom",
                "ankle": float(rng.uniform(-0.35, -0.25)) if shorts else -0.72,
                "waist": hem + 0.03,
            },
            cloth,
            0.007,
            8,
        )
    wear(
        {"name": "top", "sleeve": sleeve, "hem": hem, "collar": float(rng.uniform(-0.02, 0.03))},
        "knit" if upper == "jumper" else str(rng.choice(CLOTH)),
        thick,
        smooth,
        0.25,
    )
    if skirted:
        fabric = Material(
            texture={
                "paint": "cloth",
                "seed": int(rng.integers(10**6)),
                "kind": str(rng.choice(CLOTH[:-1])),
                "colors": _colors(rng),
            },
            roughness=0.9,
        )
        length = float(rng.uniform(-0.6, -0.25))
        things.append(
            Thing(
                {
                    "shape": "skirt",
                    "body": body,
                    "waist": hem + 0.05,
                    "hem": length,
                    "flare": float(rng.uniform(0.05, 0.4)),
                    "folds": int(rng.integers(6, 14)),
                },
                fabric,
            )
        )
    wear({"name": "shoes", "height": float(rng.uniform(-0.74, -0.70))}, "plain", 0.012, 3)
    return (
        things,
        hidden,
        {"upper": upper, "lower": "skirt" if skirted else "shorts" if shorts else "trousers"},
    )


def _hair(
    rng: Rng, person: Person, years: float, body: dict, hat: bool
) -> tuple[list[Thing], dict]:
    """Scalp, and with long hair a curtain or a bun; greying, thinning, a baby's down."""
    grey = float(np.clip((years - person.grey_from) / 22, 0, 1))
    lost = (
        float(np.clip((years - 25) / 40, 0, 1) * (person.bald > 0.45) * person.bald)
        if person.gender == "male"
        else 0.0
    )
    color = np.array(HAIR[person.hair]) * (1.0 if years > 6 else 1.25)
    style = Material(
        texture={"paint": "strands", "seed": person.number, "color": color.tolist(), "grey": grey},
        roughness=0.6,
    )
    long = person.long_hair + float(rng.normal(0, 0.06)) if years > 3 else 0.1
    volume = (0.006 if years < 1.5 else 0.010 + 0.016 * person.curls) * (1 - 0.5 * lost)
    volume = 0.006 if hat else volume
    front = 0.775 + 0.035 * person.fringe + 0.03 * lost + (0.02 if years < 1.5 else 0.0)
    scalp = {
        "name": "hair",
        "front": front,
        "temple": 0.775 + 0.015 * lost,
        "ear": 0.742,
        "nape": 0.64 if long > 0.4 else 0.66,
        "bald": max(0.0, (lost - 0.35) / 0.65),
    }
    things = [
        Thing(
            {
                "shape": "garment",
                "body": body,
                "field": scalp,
                "thickness": volume,
                "smooth": 2,
                "rough": 0.15 + 0.5 * person.curls,
                "seed": person.number,
                "flare": 0.03 * person.curls * (long > 0.3 and not hat),
            },
            style,
        )
    ]
    name = "bald" if scalp["bald"] > 0.5 else "short"
    if long > 0.5 and scalp["bald"] < 0.1:
        name = "tied" if rng.random() < 0.3 and not hat else "long"
        if name == "tied":
            ball = {
                "shape": "loft",
                "rings": [
                    [-0.035, 0.014, 0.014, 2],
                    [-0.02, 0.032, 0.032, 2],
                    [0, 0.038, 0.038, 2],
                    [0.02, 0.03, 0.03, 2],
                    [0.034, 0.01, 0.01, 2],
                ],
            }
            things.append(
                Thing(
                    {
                        "shape": "attached",
                        "body": body,
                        "piece": ball,
                        "position": [0.0, 0.085, float(rng.uniform(0.72, 0.81))],
                    },
                    style,
                )
            )
        else:
            end = float(np.interp(long, [0.5, 1.0], [0.62, 0.40]))
            things.append(
                Thing(
                    {
                        "shape": "curtain",
                        "body": body,
                        "start": float(rng.uniform(1.05, 1.45)),
                        "end": end,
                        "volume": 0.006 + volume,
                        "wave": 0.002 + 0.006 * person.curls,
                        "seed": person.number,
                    },
                    style,
                )
            )
    return things, {"hair": name, "hair color": "grey" if grey > 0.6 else person.hair}


def _extras(rng: Rng, person: Person, years: float, body: dict) -> tuple[list[Thing], dict]:
    """Glasses, hats, scarves, masks and beards."""
    things, worn = (
        [],
        {"glasses": False, "hat": False, "scarf": False, "mask": False, "beard": False},
    )
    color = Material(color=tuple(rng.uniform(0.02, 0.7, 3).tolist()), roughness=0.4)
    if person.glasses > (0.93 if years < 12 else 0.72) and rng.random() < 0.85:
        worn["glasses"] = True
        turn = np.linspace(0, 2 * np.pi, 21)[:-1]
        wide, tall, square = (
            rng.uniform(0.021, 0.026),
            rng.uniform(0.014, 0.021),
            rng.uniform(0.55, 1.0),
        )
        shape = np.stack(
            [
                np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** square * wide,
                np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** square * tall,
            ],
            1,
        )
        paths = [
            (
                [
                    [
                        float(s * 0.031 + px),
                        float(-0.152 + 1.2 * abs(s * 0.031 + px) ** 2 * 9),
                        float(0.727 + pz),
                    ]
                    for px, pz in shape
                ],
                True,
            )
            for s in (-1, 1)
        ]
        paths += [([[-0.008, -0.150, 0.731], [0.0, -0.153, 0.733], [0.008, -0.150, 0.731]], False)]
        paths += [
            (
                [
                    [s * (0.031 + wide), -0.125, 0.730],
                    [s * 0.072, -0.09, 0.731],
                    [s * 0.083, -0.04, 0.727],
                    [s * 0.084, -0.02, 0.722],
                ],
                False,
            )
            for s in (-1, 1)
        ]
        for path, closed in paths:
            wire = {"shape": "tube", "path": path, "radius": 0.0016, "closed": closed}
            things.append(
                Thing(
                    {"shape": "attached", "body": body, "piece": wire, "position": [0, 0, 0]}, color
                )
            )
    if rng.random() < 0.10:
        worn["hat"] = True
        knit = Material(
            texture={
                "paint": "cloth",
                "seed": int(rng.integers(10**6)),
                "kind": str(rng.choice(["knit", "plain", "stripes"])),
                "colors": _colors(rng),
            },
            roughness=0.95,
        )
        things.append(
            Thing(
                {
                    "shape": "garment",
                    "body": body,
                    "field": {"name": "beanie", "edge": float(rng.uniform(0.775, 0.80))},
                    "thickness": 0.030,
                    "smooth": 8,
                },
                knit,
            )
        )
        if rng.random() < 0.5:  # a cap's brim
            brim = {"shape": "loft", "rings": [[0, 0.072, 0.055, 2], [0.003, 0.074, 0.057, 2]]}
            things.append(
                Thing(
                    {
                        "shape": "attached",
                        "body": body,
                        "piece": brim,
                        "position": [0, -0.165, 0.795],
                        "turn": 0.15,
                    },
                    knit,
                )
            )
    if rng.random() < 0.08:
        worn["scarf"] = True
        wool = Material(
            texture={
                "paint": "cloth",
                "seed": int(rng.integers(10**6)),
                "kind": str(rng.choice(["knit", "stripes", "checks"])),
                "colors": _colors(rng),
            },
            roughness=0.95,
        )
        turn = np.linspace(0, 2 * np.pi, 25)[:-1]
        ring = [
            [
                float(0.078 * np.sin(a)),
                float(-0.035 - 0.085 * np.cos(a)),
                float(0.585 - 0.02 * np.cos(a)),
            ]
            for a in turn
        ]
        things.append(
            Thing(
                {
                    "shape": "attached",
                    "body": body,
                    "piece": {"shape": "tube", "path": ring, "radius": 0.033, "closed": True},
                    "position": [0, 0, 0],
                },
                wool,
            )
        )
    if rng.random() < 0.05:
        worn["mask"] = True
        paper = Material(
            color=tuple(
                [(0.75, 0.88, 0.95), (0.95, 0.95, 0.95), (0.08, 0.08, 0.09)][rng.integers(3)]
            ),
            roughness=0.9,
        )
        things.append(
            Thing(
                {
                    "shape": "garment",
                    "body": body,
                    "field": {"name": "face_mask"},
                    "thickness": 0.012,
                    "smooth": 14,
                },
                paper,
            )
        )
    elif person.beard > 0.72 and years > 20:
        worn["beard"] = True
        grey = float(np.clip((years - person.grey_from + 4) / 20, 0, 1))
        bristle = Material(
            texture={
                "paint": "strands",
                "seed": person.number + 7,
                "color": list(HAIR[person.hair]),
                "grey": grey,
            },
            roughness=0.8,
        )
        length = float(0.006 + 0.05 * (person.beard - 0.72))
        things.append(
            Thing(
                {
                    "shape": "garment",
                    "body": body,
                    "field": {"name": "beard"},
                    "thickness": length,
                    "smooth": 1,
                    "rough": 0.5,
                    "seed": person.number,
                },
                bristle,
            )
        )
    return things, worn


def look(seed: int, who: Person, index: int, smile: float | None = None) -> Look:
    """How a person looks in picture `index`.

    Args:
        seed: of the set.
        smile: 0 to 1; None draws one, none at all in half of the pictures.
    """
    rng = np.random.default_rng([seed, who.number, index, 72])
    spread = 0.4 if who.years < 3 else 1.0 if who.years < 18 else 3.0
    years = float(np.clip(who.years + rng.uniform(-spread, spread), 0.05, 90))
    smile = (
        smile if smile is not None else float(rng.uniform(0.35, 1.0)) if rng.random() < 0.5 else 0.0
    )
    age = float(np.clip((years - 28) / 55, 0, 1))
    young = float(np.interp(years, [2, 16], [0.35, 1.0]))  # children's faces differ less
    local = {
        **{k: young * v for k, v in who.local.items()},
        "head-age-incr": 0.9 * age,
        "neck-double-incr": 0.5 * age * who.shape["weight"],
        "l-eye-bag-incr": 0.8 * age,
        "r-eye-bag-incr": 0.8 * age,
        "mouth-laugh-lines-out": 0.8 * age,
    }
    weight = float(np.clip(who.shape["weight"] + rng.normal(0, 0.03), 0.05, 1))
    body = Body(
        years,
        **{**who.shape, "weight": weight},
        local=local,
        face=_face(rng, smile),
        pose=pose(rng, years),
    ).spec()
    clothes, hidden, dress = _clothes(rng, who, years, body)
    extras, worn = _extras(rng, who, years, body)
    hair, style = _hair(rng, who, years, body, worn["hat"])
    grey = float(np.clip((years - who.grey_from) / 22, 0, 1))
    brow = np.array(HAIR[who.hair]) * (1 - 0.5 * grey) + 0.5 * 0.5 * grey
    lips = (
        float(rng.choice([0.4, 0.7, 1.0]))
        if who.gender == "female" and years > 16 and rng.random() < 0.45
        else 0.05
    )
    stubble = (
        float(rng.choice([0.1, 0.4, 0.7]))
        if who.gender == "male" and years > 17 and who.beard > 0.3
        else 0.0
    )
    paint = {
        "paint": "skin",
        "seed": who.number,
        "scale": round(who.tone, 3),
        "hair": brow.tolist(),
        "brow": round(who.brow * young, 2),
        "lips": lips,
        "stubble": stubble,
        "freckles": who.freckles,
        "wrinkles": round(20 * np.clip((years - 30) / 50, 0, 1) ** 1.2) / 20,
    }
    skin = Thing(
        {"shape": "person", "body": body, "hide": hidden}, Material(texture=paint, roughness=0.5)
    )
    eyes = Thing(
        {"shape": "eyes", "body": body},
        Material(texture={"paint": "eye", "iris": list(IRIS[who.iris])}, roughness=0.15),
    )
    truth = {
        "identity": who.number,
        "years": round(years, 2),
        "gender": who.gender,
        "smile": round(smile, 3),
        "tone": round(who.tone, 2),
        "eyes": who.iris,
        **style,
        **dress,
        **worn,
    }
    return Look((skin, eyes, *clothes, *hair, *extras), body, truth)
