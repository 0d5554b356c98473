import numpy as np

from cvbook.data.scans import scans


def test_scans_load_and_their_transcriptions_are_clean():
    assert len(scans()) >= 5 and {s.language for s in scans()} >= {"en", "ru"}
    for scan in scans():
        assert scan.image.ndim == 3
        assert all(line == line.strip() and line for line in scan.lines)
        assert scan.licence and scan.source
    page = scans()[0]
    assert not page.counts(np.float32([[10, 180], [60, 180], [60, 190], [10, 190]]))
    assert page.counts(np.float32([[10, 20]] * 4))
