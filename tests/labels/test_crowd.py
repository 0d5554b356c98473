import numpy as np
import pandas as pd
import pytest

from cvbook.labels import crowd


def errors(campaign):
    return (campaign.votes["label"] - campaign.votes["task"].map(campaign.truth)).abs()


def test_the_crowd_errs_as_the_article_says():
    means, best = [], []
    for seed in range(8):
        c = crowd.campaign(seed, crowd.World(cheaters=0, ban=np.inf))
        per = errors(c).groupby(c.votes["worker"]).agg(["mean", "count"])
        per = per[per["count"] >= 100]
        means.append(per["mean"].mean())
        best.append(per["mean"].min())
    assert np.mean(means) == pytest.approx(7.22, abs=0.4)
    assert np.mean(best) == pytest.approx(4.54, abs=0.5)


def test_errors_grow_with_age_and_are_nearly_symmetric():
    c = crowd.campaign(0, crowd.World(items=3000, cheaters=0, ban=np.inf))
    years = c.votes["task"].map(c.truth)
    signed = c.votes["label"] - years
    by_age = signed.abs().groupby(pd.cut(years, [0, 10, 25, 45, 70])).mean()
    assert by_age.is_monotonic_increasing
    assert abs(signed.mean()) < 1 and 0.35 < (signed > 0).mean() < 0.65


def test_every_item_gets_its_votes_from_different_accounts():
    world = crowd.World(items=100, votes=7, workers=40)  # 100 is no multiple of six
    c = crowd.campaign(1, world)
    count = c.votes.groupby("task").size()
    items = count[~count.index.isin(c.controls.index)]
    assert len(items) == 100 and (items == 7).all()
    assert not c.votes.duplicated(["task", "worker"]).any()
    assert c.truth.between(0, crowd.OLDEST).all()
    assert c.votes["label"].between(0, crowd.OLDEST).all()


def test_bots_are_banned_and_their_work_is_done_again_and_paid():
    world = crowd.World(items=600, cheaters=0.3)
    c = crowd.campaign(2, world)
    free = crowd.campaign(2, crowd.World(items=600, cheaters=0.3, ban=np.inf))
    long = c.workers["pages"] >= world.probation
    assert c.workers.loc[long & (c.workers["kind"] == "bot"), "banned"].mean() > 0.6
    assert not c.votes["worker"].isin(c.workers.index[c.workers["banned"]]).any()
    assert c.dollars > free.dollars == pytest.approx(600 / 6 * 7 * world.votes * world.price)
    assert c.hours == pytest.approx(c.workers["pages"].sum() * 7 * world.seconds / 3600)


def test_copyists_say_what_another_says():
    world, years = crowd.World(cheaters=0.4), np.linspace(0, 90, 50)
    said, workers = crowd.answers(np.random.default_rng(0), world, years)
    honest = said[workers["kind"] == "honest"]
    copies = said[workers["kind"] == "copyist"]
    assert len(copies) == 12 and all((honest == row).all(1).any() for row in copies)


def test_same_seed_same_campaign():
    a, b = crowd.campaign(5, crowd.World(items=60)), crowd.campaign(5, crowd.World(items=60))
    pd.testing.assert_frame_equal(a.votes, b.votes)
    assert not a.votes.equals(crowd.campaign(6, crowd.World(items=60)).votes)


def test_impossible_worlds_are_refused():
    with pytest.raises(ValueError, match="too few"):
        crowd.campaign(0, crowd.World(votes=30, workers=20))
    for wrong in ({"items": 0}, {"page": 0}, {"cheaters": 1.0}):
        with pytest.raises(ValueError, match="at least 1"):
            crowd.campaign(0, crowd.World(**wrong))


def test_a_crowd_of_which_everybody_is_banned_is_refused():
    with pytest.raises(ValueError, match="nobody is left"):
        crowd.campaign(0, crowd.World(items=60, ban=0.0, probation=1))


def test_larger_pages_cost_less_and_have_fewer_controls():
    worlds = (crowd.World(items=240, cheaters=0, ban=np.inf, page=page) for page in (3, 12))
    small, large = (crowd.campaign(0, world) for world in worlds)
    assert small.dollars / large.dollars == pytest.approx((4 / 3) / (13 / 12))
    share = [c.votes["task"].isin(c.controls.index).mean() for c in (small, large)]
    assert share == pytest.approx([1 / 4, 1 / 13], abs=0.01)
