"""Who is in the picture: identities, each a fixed draw of shape, skin, hair and habits.

What changes from picture to picture (age by a few years, pose, expression, clothes, glasses) is in
`looks`. Nothing that training should not use is tied to age or gender: backgrounds, cameras,
lights, cloth colours and picture sizes are drawn without looking at the person. Clothes, hair and
make-up are hints with exceptions.
"""

from dataclasses import dataclass

import numpy as np

from cvbook.worlds.people.body import template

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
# Of a population's bodies; with these, heights follow the growth tables.
AVERAGE = {"muscle": 0.45, "weight": 0.48, "height": 0.38}
# Which of anny's local changes differ between identities, by the beginnings of their names. Those
# of AGED are left to age and expression.
FACE = ("l-cheek", "chin", "l-ear", "eyebrows", "l-eye", "forehead", "head", "mouth", "nose")
TRUNK = ("neck-scale", "torso", "hip-scale", "stomach-tone")
AGED = ("head-age-incr", "mouth-laugh-lines-out", "mouth-angles-up")


@dataclass(frozen=True)
class Person:
    """An identity.

    Attributes:
        number: of the identity.
        gender: "male" or "female".
        years: age at the middle of its pictures.
        shape: of `body.Body`: muscle, weight, height, proportions, gender.
        local: of `body.Body`.
        tone: place on the Monk scale.
        hair: name in HAIR.
        iris: name in IRIS.
        long_hair: 0 short to 1 long.
        fringe: 0 low on the forehead to 1.
        curls, bald, brow, freckles, beard, glasses: traits and habits, 0 to 1.
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


def _near(rng: Rng, mean: float, spread: float, low: float = 0.0, high: float = 1.0) -> float:
    """A normal draw, clipped."""
    return float(np.clip(rng.normal(mean, spread), low, high))


def _local_changes(rng: Rng) -> dict[str, float]:
    """How face and trunk differ from the average, by anny's names, −0.8 to 0.8."""
    known = template().model.local_change_labels
    labels = [n for n in known if n.startswith(FACE + TRUNK) and n not in AGED]
    local = {}
    values = rng.normal(0, 0.26, len(labels)).clip(-0.8, 0.8)
    for name, value in zip(labels, values, strict=True):
        value *= 0.45 if "eye-" in name else 1.0  # or eyes fall shut
        local[name] = float(value)
        if name.startswith("l-"):  # faces are nearly, not quite, the same on both sides
            local["r-" + name[2:]] = float(value + rng.normal(0, 0.05))
    return local


def person(seed: int, number: int) -> Person:
    """The identity `number` of a population.

    Genders take turns and ages go through the 5-year bins, so that any long run is balanced.
    """
    rng = np.random.default_rng([seed, number, 71])
    female = number % 2 == 1
    years = BIN_YEARS * ((number // 2) % BINS + rng.random())
    local = _local_changes(rng)
    tone = float(rng.uniform(1, 10))
    dark = tone > 5.5
    hair_odds = [0.62, 0.28, 0.08, 0.01, 0.01] if dark else [0.14, 0.26, 0.28, 0.10, 0.22]
    iris_odds = [0.45, 0.50, 0.01, 0.03, 0.01] if dark else [0.30, 0.14, 0.28, 0.14, 0.14]
    # The keywords below stand in the order in which they are drawn.
    return Person(
        number=number,
        gender="female" if female else "male",
        years=float(years),
        local=local,
        tone=tone,
        hair=str(rng.choice(list(HAIR), p=hair_odds)),
        iris=str(rng.choice(list(IRIS), p=iris_odds)),
        shape={
            "muscle": _near(rng, AVERAGE["muscle"], 0.15, 0.1, 0.9),
            "weight": _near(rng, AVERAGE["weight"], 0.16, 0.1, 0.95),
            "height": _near(rng, AVERAGE["height"], 0.11, 0.02, 0.8),
            "proportions": float(rng.uniform(0.2, 0.8)),
            "gender": _near(rng, 0.90 if female else 0.10, 0.07),
        },
        long_hair=_near(rng, 0.72 if female else 0.2, 0.22),
        fringe=float(rng.random()),
        curls=float(rng.random() ** (0.6 if dark else 1.6)),
        bald=float(rng.random() if not female else 0.1 * rng.random()),
        brow=_near(rng, 0.25 if female else 0.55, 0.2),
        freckles=float(rng.random() ** 3),
        beard=float(rng.random() if not female else 0.0),
        glasses=float(rng.random()),
        grey_from=float(rng.normal(48, 8)),
    )
