from collections import Counter

import numpy as np

from cvbook.data.scans import pages, scans
from cvbook.text.fonts import fonts


def test_scans_load_and_their_transcriptions_are_clean():
    assert len(scans()) >= 5 and {s.language for s in scans()} >= {"en", "ru"}
    for scan in scans():
        assert scan.image.ndim == 3
        assert all(line == line.strip() and line for line in scan.lines)
        assert scan.licence and scan.source
    page = scans()[0]
    assert not page.counts(np.float32([[10, 180], [60, 180], [60, 190], [10, 190]]))
    assert page.counts(np.float32([[10, 20]] * 4))


def test_half_of_the_unseen_pages_is_russian_and_every_layout_as_frequent():
    every = pages()
    assert len(every) >= 36 and len({p.file for p in every}) == len(every)
    assert len(set(Counter((p.language, p.layout) for p in every).values())) == 1
    # None of their fonts is the book's: "ibm-plex-sans" is how its families are written.
    ours = {f.family for f in fonts("train") + fonts("test")}
    assert ours and not {p.font.lower().replace(" ", "-") for p in every} & ours
    for page in every:
        assert page.characters > 400 and page.licence and page.source.startswith("Debian")
        cyrillic = sum("а" <= c <= "я" for c in " ".join(page.truth).lower())
        assert (cyrillic > 0.4 * page.characters) == (page.language == "ru")


def test_unseen_pages_are_grey_and_as_wide_as_was_promised():
    for page in pages()[::12]:
        image = page.image
        assert image.dtype == np.uint8 and 600 < image.shape[1] <= 1200
        assert (image[..., 0] == image[..., 1]).all()


def test_a_reading_is_scored_without_regard_to_order_and_quotes():
    page = next(p for p in pages() if p.layout == "columns" and p.language == "en")
    corners = np.zeros((4, 2), np.float32)
    read = [(line.replace("'", "’"), corners) for line in page.lines]
    assert page.edits(read) == page.edits(read[::-1]) == 0
    assert len(page.truth[0]) <= page.edits(read[1:]) <= len(page.truth[0]) + 1
    assert page.edits([]) == page.characters
    scan = scans()[0]
    assert scan.edits([(line, corners) for line in scan.lines]) == 0
