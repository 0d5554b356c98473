import pytest
from PIL import Image

from cvbook.data.age_annotations import adience, read_annotations

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
    rows = [
        "a/1.jpg,31.0,M,1,2,11,12,0,0,30,60",
        "a/2.jpg,25;32,F,1,2,11,12,-1,-1,-1,-1",
        "b/3.jpg,-1,-1,-1,-1,-1,-1,0,0,9,9",
    ]
    one, two, three = read_annotations(written(tmp_path, rows), tmp_path)
    assert (one.age, one.male, one.face, one.body) == (31, True, (1, 2, 11, 12), (0, 0, 30, 60))
    assert (two.age, two.male, two.body) == ((25, 32), False, None)
    assert (three.age, three.male, three.face) == (None, None, None)


def test_annotations_without_bodies_and_with_pictures_missing(tmp_path):
    head = HEAD.rsplit(",", 4)[0]
    rows = ['1.jpg,"(0, 2)",M,1,2,11,12', "2.jpg,40,F,1,2,11,12"]
    (one,) = read_annotations(written(tmp_path, rows, head, missing=("2.jpg",)), tmp_path)
    assert one.age == (0, 2) and one.body is None


def test_bad_annotations(tmp_path):
    with pytest.raises(FileNotFoundError, match="no annotation file"):
        read_annotations(tmp_path / "none.csv", tmp_path)
    file = written(tmp_path, ["1.jpg,3,M,1,2,11,12,0,0,1,1"], missing=("1.jpg",))
    with pytest.raises(FileNotFoundError, match="None of the 1 pictures"):
        read_annotations(file, tmp_path)
    head = "img_name,age,gender,face_y0,face_x1,face_y1"
    file = written(tmp_path, ["1.jpg,3,M,2,11,12"], head)
    with pytest.raises(ValueError, match="lacks the columns face_x0"):
        read_annotations(file, tmp_path)


def test_adience_keeps_its_own_folds(tmp_path):
    columns = "user_id original_image face_id age gender x y dx dy tilt_ang"
    head = f"{columns} fiducial_yaw_angle fiducial_score".replace(" ", "\t")
    rows = [
        "100{k}@N00\ta.jpg\t7\t(25, 32)\tf" + "\t0" * 7,
        "100{k}@N00\tb.jpg\t8\tNone\tu" + "\t0" * 7,
        "200{k}@N00\tc.jpg\t9\t35\tm" + "\t0" * 7,
    ]
    for k in range(5):
        table = "\n".join([head, *(r.format(k=k) for r in rows)])
        (tmp_path / f"fold_{k}_data.txt").write_text(table)
        for file in (f"100{k}@N00/7.a", f"100{k}@N00/8.b", f"200{k}@N00/9.c"):
            user, name = file.split("/")
            path = tmp_path / "faces" / user / f"coarse_tilt_aligned_face.{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 40)).save(path)
    (tmp_path / "faces" / "2000@N00" / "coarse_tilt_aligned_face.9.c.jpg").unlink()
    folds = adience(tmp_path)
    assert [len(f) for f in folds] == [2, 3, 3, 3, 3]
    assert [p.age for p in folds[1]] == [(25, 32), None, 35]
    assert [p.male for p in folds[1]] == [False, None, True]
    assert all(p.face and p.body is None for p in folds[1])
    (tmp_path / "fold_4_data.txt").write_text(head.replace("user_id", "who") + "\n")
    with pytest.raises(ValueError, match="fold_4_data.txt lacks the columns user_id"):
        adience(tmp_path)
    (tmp_path / "fold_4_data.txt").write_text(head + "\n" + rows[0].format(k=9))
    with pytest.raises(FileNotFoundError, match="None of the 1 pictures"):
        adience(tmp_path)
    (tmp_path / "fold_3_data.txt").unlink()
    with pytest.raises(FileNotFoundError, match="There is no .*fold_3_data.txt"):
        adience(tmp_path)


WRONG = {
    "../1.jpg,3,M,1,2,11,12,0,0,1,1": "outside",
    "/etc/passwd,3,M,1,2,11,12,0,0,1,1": "outside",
    "out/1.jpg,3,M,1,2,11,12,0,0,1,1": "outside",
    ",3,M,1,2,11,12,0,0,1,1": "not the name",
    "1.jpg,3,M,11,2,1,12,0,0,1,1": "no box",
    "1.jpg,3,M,1,2,11,12,0,5,1,1": "no box",
    "1.jpg,3,M,1,2,nan,12,0,0,1,1": "no box",
    "1.jpg,3,M,1,2,1e999,12,0,0,1,1": "no box",
    "1.jpg,3,M,1,2,,12,0,0,1,1": "no box",
    "1.jpg,3,M,1,2,x,12,0,0,1,1": "no box",
    "1.jpg,inf,M,1,2,11,12,0,0,1,1": "no age",
    "1.jpg,-3,M,1,2,11,12,0,0,1,1": "no age",
    "1.jpg,old,M,1,2,11,12,0,0,1,1": "no age",
    "1.jpg,32;25,M,1,2,11,12,0,0,1,1": "no range",
    "1.jpg,3,M,1,2,11,12": "7 cells",
    "1.jpg,3,M,1,2,11,12,0,0,1,1,1": "12 cells",
}


@pytest.mark.parametrize("row", WRONG)
def test_a_wrong_row_is_named_with_its_line(tmp_path, row):
    folder = tmp_path / "set"
    good = "0.jpg,3,M,1,2,11,12,0,0,1,1"
    file = written(folder, [good])
    (folder / "out").symlink_to(tmp_path)
    for name in ("set/1.jpg", "1.jpg"):
        Image.new("RGB", (40, 60)).save(tmp_path / name)
    file.write_text("\n".join([HEAD, good, row]))
    with pytest.raises(ValueError, match=f"test.csv, line 3.*{WRONG[row]}"):
        read_annotations(file, folder)


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "test.csv").write_bytes(HEAD.encode() + b"\n\xff\xfe")
    with pytest.raises(ValueError, match="test.csv is no table in UTF-8"):
        read_annotations(tmp_path / "test.csv", tmp_path)
    (tmp_path / "test.csv").write_bytes(
        b"\xef\xbb\xbf" + HEAD.encode() + b"\n1.jpg,3,M" + 8 * b",-1"
    )
    Image.new("RGB", (40, 60)).save(tmp_path / "1.jpg")
    assert read_annotations(tmp_path / "test.csv", tmp_path)[0].age == 3


def test_boxes_are_rounded_outwards_and_have_an_area(tmp_path):
    rows = ["1.jpg,31,M,10.2,5.9,10.8,9.1,0,0,30,60"]
    (one,) = read_annotations(written(tmp_path, rows), tmp_path)
    assert one.face == (10, 5, 11, 10)
    with pytest.raises(ValueError, match="is no box"):
        read_annotations(written(tmp_path, ["1.jpg,31,M,10,5,10,9,0,0,30,60"]), tmp_path)
