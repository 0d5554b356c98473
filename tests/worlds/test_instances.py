import pytest

from cvbook.worlds.instances import instances
from cvbook.worlds.scene import Camera


def test_visible_fraction_is_one_alone_and_less_behind_something(render, scene):
    def seen(**changes):
        return {i.label: i for i in instances(render(scene(size=(160, 120), **changes)))}

    alone, both = seen(can=False), seen()
    assert alone[1].fraction > 0.95 and both[2].fraction > 0.93
    assert 0.3 < both[1].fraction < alone[1].fraction - 0.05
    assert both[1].whole == alone[1].whole
    cut = seen(camera=Camera((0.4, -2.4, 1.2), (0.55, 0, 0.2), 0.3))
    assert cut[1].fraction < 0.9  # the border hides part of it


def test_pictures_without_masks_say_so(render, scene):
    done = render(scene(masks=False))
    assert done.mask is None
    with pytest.raises(ValueError, match="masks=True"):
        instances(done)
