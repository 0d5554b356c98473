import numpy as np
import pytest

from cvbook.worlds.people import wear
from cvbook.worlds.people.body import template


def test_every_field_is_positive_somewhere_and_negative_on_the_eyes():
    eyes = np.concatenate(template().eyes)
    for name in wear.FIELDS:
        inside = wear.field(name)
        assert (inside > 0).sum() > 50 and (inside[eyes] < 0).all(), name


def test_an_unknown_garment_is_refused():
    with pytest.raises(ValueError, match="no garment"):
        wear.field("toga")
