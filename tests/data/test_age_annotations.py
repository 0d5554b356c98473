import numpy as np
import pytest
from PIL import Image

from cvbook.data.age_annotations import adience, read_annotations
from cvbook.data.age_gender import annotated, annotated_parts

HEAD = "img_name,age,gender,face_x0,face_y0,face_x1,face_y1,person_x0,person_y0,person_x1,person_y1"


def written(tmp_path, rows, head=HEAD, missing=()):
    for row in rows:
        name = row.split(",")[0]
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if name not in missing:
            Image.new("RGB", (40, 60)).save(tmp_path / name)
    (tmp_path / "test.csv").write_text("\n".join([head, *rows]))
    return tmp_path / "test.csv"


def test_annotations(tmp_path):
    file = written(
        tmp_path,
        [
            "a/1.jpg,31.0,M,1,2,11,12,0,0,30,60",
            "a/2.jpg,25;32,F,1,2,11,12,-1,-1,-1,-1",
            "b/3.jpg,-1,-1,-1,-1,-1,-1,0,0,9,9",
        ],
    )
    one, two, three = read_annotations(file, tmp_path)
    assert (one.age, one.male, one.face, one.body) == (31, True, (1, 2, 11, 12), (0, 0, 30, 60))
    assert (two.age, two.male, two.body) == ((25, 32), False, None)
    assert (three.age, three.male, three.face) == (None, None, None)


def test_annotations_without_bodies_and_with_pictures_missing(tmp_path):
    head = HEAD.rsplit(",", 4)[0]
    file = written(
        tmp_path, ['1.jpg,"(0, 2)",M,1,2,11,12', "2.jpg,40,F,1,2,11,12"], head, missing=("2.jpg",)
    )
    (one,) = read_annotations(file, tmp_path)
    assert one.age == (0, 2) and one.body is None


def test_bad_annotations(tmp_path):
    with pytest.raises(FileNotFoundError, match="no annotation file"):
        read_annotations(tmp_path / "none.csv", tmp_path)
    with pytest.raises(FileNotFoundError, match="None of the 1 pictures"):
        read_annotations(
            written(tmp_path, ["1.jpg,3,M,1,2,11,12,0,0,1,1"], missing=("1.jpg",)), tmp_path
        )
    with pytest.raises(ValueError, match="lacks the columns face_x0"):
        read_annotations(
            written(tmp_path, ["1.jpg,3,M,2,11,12"], "img_name,age,gender,face_y0,face_x1,face_y1"),
            tmp_path,
        )


def test_adience_keeps_its_own_folds(tmp_path):
    head = "user_id\toriginal_image\tface_id\tage\tgender\tx\ty\tdx\tdy\ttilt_ang\tfiducial_yaw_angle\tfiducial_score"
    rows = [
        "100{k}@N00\ta.jpg\t7\t(25, 32)\tf" + "\t0" * 7,
        "100{k}@N00\tb.jpg\t8\tNone\tu" + "\t0" * 7,
        "200{k}@N00\tc.jpg\t9\t35\tm" + "\t0" * 7,
    ]
    for k in range(5):
        (tmp_path / f"fold_{k}_data.txt").write_text(
            "\n".join([head, *(r.format(k=k) for r in rows)])
        )
        for user, name in (
            (f"100{k}@N00", "7.a.jpg"),
            (f"100{k}@N00", "8.b.jpg"),
            (f"200{k}@N00", "9.c.jpg"),
        ):
            (tmp_path / "faces" / user).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 40), (200, 90, 90)).save(
                tmp_path / "faces" / user / f"coarse_tilt_aligned_face.{name}"
            )
    (tmp_path / "faces" / "2000@N00" / "coarse_tilt_aligned_face.9.c.jpg").unlink()
    folds = adience(tmp_path)
    assert [len(f) for f in folds] == [2, 3, 3, 3, 3]
    assert (
        folds[0][0].age == (25, 32)
        and folds[0][0].male is False
        and folds[0][1].age is None
        and folds[1][2].age == 35
    )
    crops, who = annotated(folds[1], 32)
    assert (
        crops.years.tolist() == [28.5, 35]
        and (crops.pixels[:, :3] > 80).all()
        and not crops.pixels[:, 3:].any()
        and len(who) == 2
    )
    (tmp_path / "fold_4_data.txt").write_text(head.replace("user_id", "who") + "\n")
    with pytest.raises(ValueError, match="fold_4_data.txt lacks the columns user_id"):
        adience(tmp_path)
    (tmp_path / "fold_4_data.txt").write_text(head + "\n" + rows[0].format(k=9))
    with pytest.raises(FileNotFoundError, match="None of the 1 pictures"):
        adience(tmp_path)
    (tmp_path / "fold_3_data.txt").unlink()
    with pytest.raises(FileNotFoundError, match="There is no .*fold_3_data.txt"):
        adience(tmp_path)


def test_crops_of_annotated_people(tmp_path):
    """One picture of two people who overlap, one of an unknown age, and one that is damaged."""
    rows = [
        "two.png,30,F,10,10,20,20,0,0,40,60",
        "two.png,-1,-1,45,10,55,20,30,0,70,60",
        "broken.png,9,M,1,2,11,12,0,0,30,60",
        "far.png,70,M,-1,-1,-1,-1,0,0,40,60",
    ]
    file = written(tmp_path, rows)
    for name, colour in (("two.png", 90), ("far.png", 200)):
        Image.fromarray(np.full((60, 80, 3), colour, np.uint8)).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"")
    crops, who = annotated(read_annotations(file, tmp_path), 60)
    assert (
        [p.path.name for p in who] == ["far.png", "two.png"]
        and crops.years.tolist() == [70, 30]
        and crops.male.tolist() == [True, False]
    )
    assert crops.face.tolist() == [0, 1] and crops.pixels.shape == (2, 6, 60, 60)
    body = crops.pixels[1, 3:]  # 40 × 60 in 60 × 60: ten black columns on each side
    assert not body[:, 12:18, 22:28].any()  # the own face
    assert not body[:, :, 42:].any() and body[:, 25:, 12:38].all()  # the other's body
    parts = list(annotated_parts(read_annotations(file, tmp_path), 60, 1))
    assert [[p.path.name for p in w] for _, w in parts] == [["far.png"], ["two.png"]]
    assert all((c.pixels[0] == crops.pixels[k]).all() for k, (c, _) in enumerate(parts))
    with pytest.raises(ValueError, match="nobody with a box"):
        annotated(who[:0], 60)
