"""A cafeteria's cash desks: customers arrive, queue, pay and leave.

A camera above each desk looks on. The process is simulated first, so the true waiting time of
everybody is known; pictures are then taken of it at any second.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cvbook.worlds.camera import shoot
from cvbook.worlds.people.looks import look
from cvbook.worlds.people.persons import person
from cvbook.worlds.people.pictures import SAMPLES, count_pixels, measure, moved
from cvbook.worlds.rendered_set import Row, encode
from cvbook.worlds.scene import Camera, Light, Material, Rendered, Scene, Thing, placement, vector

Rng = np.random.Generator
DESKS, APART = 3, 2.2  # cash desks in a row, and metres between them
STEP = 0.75  # metres from one in the queue to the next
FRAMES, SECONDS = 20, 4.0  # frames of a sequence, and the time from one to the next
Place = tuple[float, float, float]  # x and y in metres, and turn in radians


@dataclass(frozen=True)
class Customer:
    """One visit.

    Attributes:
        number: who it is, in order of arrival.
        desk: at which it was.
        joined, served, left: when the customer joined the queue, reached the desk and left it,
            seconds.
    """

    number: int
    desk: int
    joined: float
    served: float
    left: float

    @property
    def wait(self) -> float:
        """Seconds from joining the queue to being served."""
        return self.served - self.joined


def simulate(
    seed: int,
    seconds: float,
    per_minute: float = 4.0,
    service: float = 35.0,
    desks: int = DESKS,
    rush: Callable[[float], float] | None = None,
) -> list[Customer]:
    """Customers of a stretch of time, by arrival.

    Arrivals are Poisson's; who arrives joins the shortest queue. Service times are gamma, and who
    comes first is served first.

    Args:
        seed: of everything that is drawn.
        seconds: how long it goes on.
        per_minute: mean arrivals, all desks together.
        service: mean seconds at the desk.
        desks: how many there are.
        rush: share of `per_minute` that arrives at a second, 0 to 1 (thinning, Lewis and Shedler
            1979); None for a steady stream.

    Raises:
        ValueError: a rate or a time that is not positive.
    """
    if min(seconds, per_minute, service, desks) <= 0:
        raise ValueError(
            "Seconds, arrivals per minute, service time and desks must all be positive."
        )
    rng = np.random.default_rng([seed, 91])
    # When those at each desk and in its queue will leave.
    leaving: list[deque[float]] = [deque() for _ in range(desks)]
    customers: list[Customer] = []
    now = 0.0
    while True:
        now += rng.exponential(60 / per_minute)
        if now > seconds:
            return customers
        if rush is not None and rng.random() >= rush(now):
            continue
        for line in leaving:
            while line and line[0] <= now:
                line.popleft()
        length = np.array([len(line) for line in leaving])
        desk = int(rng.choice(np.flatnonzero(length == length.min())))
        served = leaving[desk][-1] if leaving[desk] else now
        leaving[desk].append(served + rng.gamma(4, service / 4))
        customers.append(Customer(len(customers), desk, now, served, leaving[desk][-1]))


def _x_of(desk: int) -> float:
    return APART * (desk - (DESKS - 1) / 2)


def _where(customers: list[Customer], c: Customer, now: float, rng: Rng) -> Place | None:
    """Place of a customer, or None when not in the room.

    The desk is at y = 0, the queue runs towards −y.
    """
    x = _x_of(c.desk)
    sway = rng.normal(0, [0.10, 0.06, 0.25])
    if now < c.joined - 5 or now > c.left + 4:
        return None
    if now > c.left:  # walks off past the desk
        return x + 0.75, 0.5 + 1.2 * (now - c.left), float(np.pi + sway[2])
    ahead = sum(o.desk == c.desk and o.joined < c.joined and o.left > now for o in customers)
    y = -0.55 - STEP * ahead
    if now < c.joined:  # walks up
        return x + sway[0], y - 1.2 * (c.joined - now), float(np.pi + sway[2])
    return x + sway[0], y + sway[1], float(np.pi + sway[2])


def frame(
    seed: int, sequence: int, second: float, desk: int = 1, size: tuple[int, int] = (320, 240)
) -> Scene:
    """What the camera above a desk sees at a moment of a sequence.

    Returns:
        A scene whose `notes` tell of each person, by label: truth, body, place, role ("waiting",
        "served", "coming", "leaving" or "passing"), desk and true wait in seconds (of passers-by:
        −1); and under "camera" the desk that the camera belongs to.
    """
    setting = np.random.default_rng([seed, sequence, 92])
    rate, pause = float(setting.uniform(3.5, 6.5)), float(setting.uniform(28, 42))
    customers = simulate(int(setting.integers(2**31)), 1200, rate, pause)
    now = 600 + second
    height, back = float(setting.uniform(2.7, 3.4)), float(setting.uniform(0.6, 1.4))
    lean = float(setting.uniform(-2.4, -1.6))
    things = _room(setting)
    notes: dict[str, dict] = {"camera": {"desk": desk}}

    def add(number: int, place: Place, role: str, at: int, wait: float) -> None:
        label = len(notes)
        seen = look(seed, person(seed, number), 2000 + sequence)
        things.extend(moved(seen, *place, label))
        about = {"truth": seen.truth, "body": seen.body, "place": list(place), "role": role}
        notes[str(label)] = about | {"desk": at, "wait": round(wait, 1)}

    for c in customers:
        steady = np.random.default_rng([seed, sequence, c.number, 93])
        who = int(steady.integers(30, 400))
        spot = _where(customers, c, now, steady)
        if spot and spot[1] > -5.5:
            add(who, spot, _role(c, now), c.desk, c.wait)
    for k in range(4):  # passers-by cross behind the queues
        walk = np.random.default_rng([seed, sequence, k, 94])
        way, speed = float(walk.choice([-1, 1])), float(walk.uniform(0.8, 1.4))
        begin = float(walk.uniform(0, 60))
        x = way * (speed * (second - begin))
        if abs(x) < 4:
            who, y = int(walk.integers(30, 400)), float(walk.uniform(-4.8, -3.2))
            add(who, (x, y, float(way * np.pi / 2)), "passing", -1, -1.0)
    x = _x_of(desk)
    fov, roll = float(setting.uniform(1.05, 1.25)), float(setting.normal(0, 0.02))
    lamps = tuple(
        Light((dx, dy, 3.6), (dx, dy, 0.0), float(setting.uniform(40, 90)), 0.8)
        for dx in (-2.2, 1.8)
        for dy in (-3.5, 0.5)
    )
    return Scene(
        things=tuple(things),
        lights=lamps,
        camera=Camera((x + 0.05, back, height), (x, lean, 0.9), fov, roll),
        size=size,
        samples=SAMPLES,
        sky=((1.0, 1.0, 1.0), float(setting.uniform(0.3, 0.6))),
        exposure=float(setting.uniform(-0.3, 0.4)),
        seed=int(setting.integers(2**31)) + int(second),
        notes=notes,
    )


def _room(rng: Rng) -> list[Thing]:
    """Floor, walls and cash desks."""
    tiles = {"paint": "tiles", "seed": int(rng.integers(1000))}
    tiles |= {"color": (rng.uniform(0.4, 0.8) * np.array([1, 0.97, 0.92])).tolist()}
    wall = Material(color=vector(rng.uniform(0.3, 0.8, 3)), roughness=0.8)
    top = Material(color=vector(rng.uniform(0.2, 0.8, 3)), roughness=0.3)
    till = Material(color=(0.05, 0.05, 0.06), roughness=0.4)
    plane = {"shape": "plane", "size": [24.0, 24.0], "repeat": 20}
    things = [Thing(plane, Material(texture=tiles, roughness=0.35))]
    for y in (-8.0, 4.0):
        things.append(Thing({"shape": "box", "size": [24.0, 0.1, 4.0]}, wall, (0, y, 0)))
    for desk in range(DESKS):
        x = _x_of(desk)
        things += [
            Thing({"shape": "box", "size": [1.0, 0.6, 0.95]}, top, (x - 0.1, 0.25, 0)),
            Thing({"shape": "box", "size": [0.3, 0.25, 0.3]}, till, (x - 0.3, 0.3, 0.95)),
        ]
    return things


def _role(c: Customer, now: float) -> str:
    if now < c.joined:
        return "coming"
    if now < c.served:
        return "waiting"
    return "served" if now < c.left else "leaving"


def queue_scene(seed: int, index: int) -> tuple[Scene]:
    """Frame `index % FRAMES` of sequence `index // FRAMES`."""
    return (frame(seed, index // FRAMES, SECONDS * (index % FRAMES)),)


def queue_row(pictures: tuple[Rendered, ...], seed: int, index: int) -> Row:
    """Columns of the queue set: the picture, how many wait at the camera's desk, and its people."""
    (picture,) = pictures
    desk, found = picture.scene.notes["camera"]["desk"], []
    everybody = [(label, note) for label, note in picture.scene.notes.items() if label != "camera"]
    for label, note in everybody:
        x, y, turn = note["place"]
        where = measure(picture, note["body"], placement((x, y, 0.0), (0.0, 0.0, turn)))
        known = {key: note[key] for key in ("role", "desk", "wait")}
        found.append({**where, **known, "pixels": count_pixels(picture, label)})
    seen = [f for f in found if f["pixels"] > 20]
    keys = ("head_box", "body_box", "body_visible", "role", "desk", "wait", "pixels")
    image = shoot(picture.image, np.random.default_rng([seed, index, 55]), 0.4)
    return {
        "image": encode(image),
        "index": index,
        "sequence": index // FRAMES,
        "second": SECONDS * (index % FRAMES),
        "split": "test" if index // FRAMES % 4 == 3 else "train",
        "waiting": sum(n["role"] == "waiting" and n["desk"] == desk for _, n in everybody),
        **{key: [f[key] for f in seen] for key in keys},
    }
