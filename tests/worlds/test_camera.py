import numpy as np

from cvbook.worlds.camera import shoot


def test_a_camera_leaves_its_marks_and_moves_nothing():
    rng = np.random.default_rng(0)
    perfect = np.full((64, 96, 3), 60, np.uint8)
    perfect[20:44, 30:66] = 180
    for seed in range(20):
        rng = np.random.default_rng(seed)
        photo = shoot(perfect, rng)
        assert photo.dtype == np.uint8 and photo.shape == perfect.shape
        change = np.abs(photo.astype(int) - perfect)
        assert 0 < change.mean() < 12
        # The bright patch is where it was.
        ys, xs = np.nonzero(photo.mean(2) > 120)
        assert abs(ys.mean() - 31.5) < 1 and abs(xs.mean() - 47.5) < 1


def test_the_same_draw_gives_the_same_photo():
    perfect = np.random.default_rng(0).integers(0, 255, (48, 48, 3), np.uint8)
    first, again, other = (shoot(perfect, np.random.default_rng(s)) for s in (1, 1, 2))
    assert (first == again).all() and (first != other).any()
