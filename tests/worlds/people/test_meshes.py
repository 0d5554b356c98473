import numpy as np

from cvbook.worlds.people import meshes, persons
from cvbook.worlds.people.body import Body


def test_a_garment_covers_and_does_not_cut_the_skin():
    body = Body(30, 0.1, **persons.AVERAGE).spec()
    shirt = meshes.garment(body, {"name": "top"}, thickness=0.014, smooth=8)
    assert np.isfinite(shirt.vertices).all() and (shirt.sizes == 3).all()
    bare, dressed = meshes.person(body), meshes.person(body, [{"name": "top"}])
    # What is covered is not drawn, so it cannot show through.
    assert len(dressed.sizes) < 0.95 * len(bare.sizes)
    thick, thin = (meshes.garment(body, {"name": "top"}, thickness=t) for t in (0.03, 0.01))
    assert np.ptp(thick.vertices[:, 1]) > np.ptp(thin.vertices[:, 1]) + 0.03
