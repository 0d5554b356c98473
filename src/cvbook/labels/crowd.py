"""A simulated crowd that guesses ages; pages with a control; bans; money and time.

There are honest people with habits of their own, bots and copyists. What can be known of a real
crowd is taken from the MiVOLO article: a mean error of 7.22 years per worker, 4.54 for the best
one, errors that are nearly symmetric and grow with the true age. The rest (how skill spreads,
rounding, slips, prices) is a declared assumption, and a field of `World`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

OLDEST = 95


@dataclass(frozen=True)
class World:
    """What is assumed of a crowd and its task.

    Attributes:
        items: pictures to label.
        votes: answers wanted for each.
        controls: pictures with a known answer that the controls are drawn from.
        workers: accounts.
        cheaters: share of accounts that are bots (half of them) or copy another's answers (the
            other half).
        skill: median of a worker's own spread in years, at an age where `growth` is 1.
        spread: of log skill between workers.
        bias: standard deviation in years of what a worker habitually adds.
        shared: of the error that all share, because a picture looks older than it is.
        slips: share of answers that are a slip of hand.
        rounders: share of workers who round to fives.
        ban: a worker whose mean error on `probation` or more controls is above this many years is
            banned, and the work done again; infinity never bans.
        probation: controls before anybody is banned.
        page: pictures on a page, beside one control.
        price: dollars of a picture on it, the control included.
        seconds: mean time of such a picture.
    """

    items: int = 1200
    votes: int = 10
    controls: int = 200
    workers: int = 60
    cheaters: float = 0.1
    skill: float = 6.8
    spread: float = 0.35
    bias: float = 2.2
    shared: float = 4.2
    slips: float = 0.01
    rounders: float = 0.3
    ban: float = 13.0
    probation: int = 8
    page: int = 6
    price: float = 0.02
    seconds: float = 6.5


@dataclass(frozen=True)
class Campaign:
    """What a labelling campaign leaves.

    Attributes:
        votes: columns task, worker, label (the long table of crowd-kit), items and controls alike;
            the banned workers' answers are gone.
        truth: years by task.
        controls: the part of it that was known beforehand.
        workers: a row per account: kind, skill, bias, pages (paid), banned.
        dollars: of all pages that were paid, those of banned workers included.
        hours: of work on them, summed over people.
    """

    votes: pd.DataFrame
    truth: pd.Series
    controls: pd.Series
    workers: pd.DataFrame
    dollars: float
    hours: float


def growth(years: np.ndarray) -> np.ndarray:
    """How many times as large errors are at a true age as around 32.

    They are small for babies and two times as large at 80.
    """
    return 0.35 + np.asarray(years) / 50


def ages(rng: np.random.Generator, n: int) -> np.ndarray:
    """n ages in years as the pictures of an open collection have them.

    Most are between 18 and 45, with children and the old as tails.
    """
    kind = rng.choice(3, n, p=[0.15, 0.65, 0.20])
    young, middle = rng.uniform(0, 18, n), rng.normal(31, 9, n)
    years = np.select([kind == 0, kind == 1], [young, middle], rng.normal(58, 13, n))
    return np.clip(years, 0, OLDEST)


def answers(
    rng: np.random.Generator, world: World, years: np.ndarray
) -> tuple[np.ndarray, pd.DataFrame]:
    """What every account would answer for every picture.

    Returns:
        Years float[workers, pictures], and a table of the accounts with kind, skill and bias.
    """
    n, m = world.workers, len(years)
    kind = np.full(n, "honest", dtype=object)
    cheats = rng.permutation(n)[: round(world.cheaters * n)]
    kind[cheats[::2]], kind[cheats[1::2]] = "bot", "copyist"
    skill = world.skill * np.exp(world.spread * rng.normal(size=n))
    bias = world.bias * rng.normal(size=n)
    looks = years + world.shared * growth(years) * rng.normal(size=m)
    said = looks + growth(years) * (bias[:, None] + skill[:, None] * rng.normal(size=(n, m)))
    slip = rng.random((n, m)) < world.slips
    said = np.where(slip, rng.uniform(0, OLDEST, (n, m)), said)
    rounds = (rng.random(n) < world.rounders)[:, None] & (said > 15)
    said = np.where(rounds, 5 * np.round(said / 5), np.round(said))
    said[kind == "bot"] = np.round(rng.uniform(18, 60, ((kind == "bot").sum(), m)))
    honest = np.flatnonzero(kind == "honest")
    source = rng.choice(honest, n)
    # One person with many accounts: right as often as the person, and no news.
    said[kind == "copyist"] = said[source[kind == "copyist"]]
    return np.clip(said, 0, OLDEST), pd.DataFrame({"kind": kind, "skill": skill, "bias": bias})


def campaign(seed: int, world: World) -> Campaign:
    """Label all items: pages of a few items and a control, each page to `votes` different accounts.

    Who errs too much is banned, and the work of the banned is done again.

    Raises:
        ValueError: fewer honest accounts than votes are wanted, a size that is not positive, or
            everybody is banned.
    """
    sizes = world.items, world.votes, world.controls, world.workers, world.page
    if min(sizes) < 1 or not 0 <= world.cheaters < 1:
        raise ValueError(
            "Items, votes, controls, workers and pictures a page must be at least 1, and the share "
            "of cheaters at least 0 and below 1."
        )
    if world.votes > world.workers - round(world.cheaters * world.workers):
        raise ValueError(
            f"{world.votes} votes each need {world.votes} honest accounts; "
            f"{world.workers} accounts are too few."
        )
    rng = np.random.default_rng([seed, 41])
    years = ages(rng, world.items + world.controls)  # the last ones are the controls
    said, workers = answers(rng, world, years)
    pages = -(-world.items // world.page)
    # Some accounts are about far more often than others.
    habit = rng.gumbel(size=(pages, world.workers))
    busy = habit + rng.normal(size=world.workers)
    pool = world.items + np.argsort(rng.random((world.workers, world.controls)), axis=1)
    banned, paid, seen = np.zeros(world.workers, bool), np.zeros(world.workers, int), []
    given = np.zeros((pages, world.workers), bool)
    while True:
        missing = world.votes - (given & ~banned).sum(1)
        free = np.where(given | banned, -np.inf, busy)
        rank = (-free).argsort(1).argsort(1)
        page, who = np.nonzero((rank < missing[:, None]) & np.isfinite(free))
        if not len(page):
            break
        order = rng.permutation(len(page))
        for p, w in zip(page[order], who[order], strict=True):
            if banned[w]:
                continue
            given[p, w] = True
            seen.append((p, w, pool[w, paid[w] % world.controls]))
            paid[w] += 1
            if paid[w] >= world.probation:
                tests = pool[w, : min(paid[w], world.controls)]
                banned[w] = np.abs(said[w, tests] - years[tests]).mean() > world.ban
    p, w, c = np.array(seen).T
    kept = ~banned[w]
    if not kept.any():
        raise ValueError(f"All accounts err by more than {world.ban} years: nobody is left.")
    items = p[kept, None] * world.page + np.arange(world.page)
    task = np.hstack([items, c[kept, None]]).ravel()
    who = np.repeat(w[kept], world.page + 1)
    # The last page may not be full.
    control = np.tile(np.arange(world.page + 1) == world.page, kept.sum())
    real = (task < world.items) | control
    votes = pd.DataFrame(
        {"task": task[real], "worker": who[real], "label": said[who[real], task[real]]}
    )
    truth = pd.Series(years, name="years")
    pictures = len(seen) * (world.page + 1)
    return Campaign(
        votes=votes.drop_duplicates(["task", "worker"], ignore_index=True),
        truth=truth,
        controls=truth[world.items :],
        workers=workers.assign(pages=paid, banned=banned),
        dollars=pictures * world.price,
        hours=pictures * world.seconds / 3600,
    )
