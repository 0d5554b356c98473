"""How a person looks in one picture: age, pose, expression, skin, and what is worn that day."""

from dataclasses import dataclass

import numpy as np

from cvbook.worlds.people import outfits
from cvbook.worlds.people.body import Body
from cvbook.worlds.people.persons import HAIR, IRIS, Person
from cvbook.worlds.scene import Material, Thing

Rng = np.random.Generator


@dataclass(frozen=True)
class Look:
    """A person in one picture.

    Attributes:
        things: what to render, standing at the origin and facing −y.
        body: the description of the posed body, see `body.Body.spec`.
        truth: what is known of the person: identity, years, gender, smile, and what is worn.
    """

    things: tuple[Thing, ...]
    body: dict
    truth: dict


def pose(rng: Rng, years: float) -> dict:
    """Rotations of bones, degrees.

    The person stands with arms that hang or are busy and turns the head a little; the old stoop.
    """
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


def _features(who: Person, years: float, young: float) -> dict:
    """Local changes of the body at an age: the person's own, weaker in children, and age's."""
    age = float(np.clip((years - 28) / 55, 0, 1))
    return {
        **{name: young * value for name, value in who.local.items()},
        "head-age-incr": 0.9 * age,
        "neck-double-incr": 0.5 * age * who.shape["weight"],
        "l-eye-bag-incr": 0.8 * age,
        "r-eye-bag-incr": 0.8 * age,
        "mouth-laugh-lines-out": 0.8 * age,
    }


def _skin(rng: Rng, who: Person, years: float, young: float) -> dict:
    """The painter's description of skin: tone, brows, make-up, stubble, freckles, wrinkles."""
    grey = float(np.clip((years - who.grey_from) / 22, 0, 1))
    brow = np.array(HAIR[who.hair]) * (1 - 0.5 * grey) + 0.5 * 0.5 * grey
    lips, stubble = 0.05, 0.0
    if who.gender == "female" and years > 16 and rng.random() < 0.45:
        lips = float(rng.choice([0.4, 0.7, 1.0]))
    if who.gender == "male" and years > 17 and who.beard > 0.3:
        stubble = float(rng.choice([0.1, 0.4, 0.7]))
    return {
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


def look(seed: int, who: Person, index: int, smile: float | None = None) -> Look:
    """How a person looks in picture `index`.

    Args:
        seed: of the set.
        who: the person.
        index: of the picture; another one has another day's age, pose and clothes.
        smile: 0 to 1; None draws one, none at all in half of the pictures.
    """
    rng = np.random.default_rng([seed, who.number, index, 72])
    spread = 0.4 if who.years < 3 else 1.0 if who.years < 18 else 3.0
    years = float(np.clip(who.years + rng.uniform(-spread, spread), 0.05, 90))
    if smile is None:
        smile = float(rng.uniform(0.35, 1.0)) if rng.random() < 0.5 else 0.0
    young = float(np.interp(years, [2, 16], [0.35, 1.0]))  # children's faces differ less
    weight = float(np.clip(who.shape["weight"] + rng.normal(0, 0.03), 0.05, 1))
    body = Body(
        years,
        **{**who.shape, "weight": weight},
        local=_features(who, years, young),
        face=_face(rng, smile),
        pose=pose(rng, years),
    ).spec()
    clothes, hidden, dress = outfits.garments(rng, who, years, body)
    extras, worn = outfits.extras(rng, who, years, body)
    hair, style = outfits.hair(rng, who, years, body, worn["hat"])
    complexion = _skin(rng, who, years, young)
    iris = {"paint": "eye", "iris": list(IRIS[who.iris])}
    skin = Thing(
        {"shape": "person", "body": body, "hide": hidden},
        Material(texture=complexion, roughness=0.5),
    )
    eyes = Thing({"shape": "eyes", "body": body}, Material(texture=iris, roughness=0.15))
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
    return Look(things=(skin, eyes, *clothes, *hair, *extras), body=body, truth=truth)
