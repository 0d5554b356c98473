"""Make the font files of this folder from Google Fonts' npm packages, `@expo-google-fonts/*`.

    python data/fonts/build.py            # needs npm and fonttools; about a minute

Each file is subset to the book's characters, unhinted, and its pair kerning is copied from GPOS to
the old `kern` table: Pillow's basic layout reads only that one, and the basic layout draws the same
pixels on every machine, whether or not a text-shaping library happens to be installed.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.tables._k_e_r_n import KernTable_format_0

from cvbook.files import write_text
from cvbook.text.alphabet import ALPHABET, CHARACTERS

HERE = Path(__file__).parent
DROPPED = ["DSIG", "GSUB", "GDEF", "STAT", "meta", "fvar", "gvar", "HVAR", "avar", "MVAR"]
R, B, I = "400Regular", "700Bold", "400Regular_Italic"
# style -> family -> weights. The families under "test" are never shown to a recogniser in training.
FAMILIES = {
    "sans": {
        "roboto": [R, B, I],
        "open-sans": [R, B],
        "pt-sans": [R, B, I],
        "noto-sans": [R, I],
        "montserrat": [R, B],
        "inter": [R],
        "ibm-plex-sans": [R],
        "arimo": [R, B, I],
        "exo-2": [R],
    },
    "serif": {
        "pt-serif": [R, B, I],
        "noto-serif": [R, I],
        "merriweather": [R, B],
        "playfair-display": [R],
        "lora": [R, I],
        "tinos": [R, B, I],
        "vollkorn": [R],
        "roboto-slab": [R],
        "eb-garamond": [R, I],
        "spectral": [R],
        "source-serif-4": [R],
    },
    "mono": {"pt-mono": [R], "roboto-mono": [R], "cousine": [R, B], "courier-prime": [R]},
    "condensed": {"roboto-condensed": [R, B], "oswald": [R], "fira-sans-extra-condensed": [R]},
    "hand": {"caveat": [R], "marck-script": [R], "neucha": [R]},
    "display": {"lobster": [R], "comfortaa": [R], "russo-one": [R], "special-elite": [R]},
}
TEST = {
    "sans": {"fira-sans": [R, I], "rubik": [R], "ubuntu": [R, B]},
    "serif": {"literata": [R, I], "bitter": [R], "cormorant-garamond": ["500Medium"]},
    "mono": {"jetbrains-mono": [R], "ibm-plex-mono": [R]},
    "condensed": {"pt-sans-narrow": [R]},
    "hand": {"bad-script": [R], "pangolin": [R]},
    "display": {"yeseva-one": [R], "jura": [R]},
}


def gpos_pairs(font: TTFont) -> dict[tuple[str, str], int]:
    """Pair kerning of a font's GPOS table, in font units, first lookup wins."""
    pairs: dict[tuple[str, str], int] = {}
    if "GPOS" not in font:
        return pairs
    gpos, glyphs = font["GPOS"].table, font.getGlyphOrder()
    features = [f for f in gpos.FeatureList.FeatureRecord if f.FeatureTag == "kern"]
    kern = {index for f in features for index in f.Feature.LookupListIndex}
    for index in sorted(kern):
        for sub in gpos.LookupList.Lookup[index].SubTable:
            sub = getattr(sub, "ExtSubTable", sub)
            if sub.LookupType != 2:
                continue
            for n, left in enumerate(sub.Coverage.glyphs):
                if sub.Format == 1:
                    found = [(r.SecondGlyph, r.Value1) for r in sub.PairSet[n].PairValueRecord]
                else:
                    row = sub.Class1Record[sub.ClassDef1.classDefs.get(left, 0)].Class2Record
                    found = [(g, row[sub.ClassDef2.classDefs.get(g, 0)].Value1) for g in glyphs]
                for right, value in found:
                    pairs.setdefault((left, right), getattr(value, "XAdvance", 0) or 0)
    return {pair: value for pair, value in pairs.items() if value}


def shrink(source: Path, target: Path) -> None:
    """Subset one file to the book's characters and move its kerning to the `kern` table."""
    options = subset.Options(
        hinting=False,
        layout_features=["kern"],
        glyph_names=False,
        notdef_outline=True,
        drop_tables=DROPPED,
    )
    font = TTFont(source)
    worker = subset.Subsetter(options)
    worker.populate(text=CHARACTERS)
    worker.subset(font)
    # The format holds at most 10 920 pairs: keep the strongest. Those of the alphabet are chosen by
    # themselves, so that accented letters change nothing in how the others are drawn.
    glyphs = font.getBestCmap()
    plain = {glyphs[ord(c)] for c in ALPHABET if ord(c) in glyphs}
    found = sorted(gpos_pairs(font).items(), key=lambda item: -abs(item[1]))
    pairs = [item for item in found if plain >= set(item[0])][:3000]
    pairs += [item for item in found if not plain >= set(item[0])][:1000]
    if pairs:
        table = KernTable_format_0()
        table.coverage, table.tupleIndex, table.version, table.apple = 1, None, 0, False
        table.kernTable = dict(pairs)
        font["kern"] = newTable("kern")
        font["kern"].version, font["kern"].kernTables = 0, [table]
    for name in ("GPOS", "GSUB", "GDEF"):
        if name in font:
            del font[name]
    font["head"].modified = font["head"].created
    font.recalcTimestamp = False
    font.save(target)


def unpack(family: str, out: Path) -> Path:
    """Download a family's package into a folder of its own and unpack it there: the archive."""
    out.mkdir()
    pack = ["npm", "pack", "--silent", f"@expo-google-fonts/{family}"]
    subprocess.run(pack, cwd=out, check=True, stdout=subprocess.DEVNULL)
    archive = next(out.glob("*.tgz"))
    shutil.unpack_archive(archive, out)
    licence = next(out.glob("package/LICENSE_FONT"), None) or next(out.glob("package/LICENSE*"))
    shutil.copy(licence, HERE / "licences" / f"{family}.txt")
    return archive


def main() -> None:
    if not shutil.which("npm"):
        sys.exit(
            "npm is missing: install Node.js, which this script uses only to download the font "
            "packages."
        )
    catalogue = []
    (HERE / "licences").mkdir(exist_ok=True)
    chosen = [
        (split, style, family, weights)
        for split, styles in (("train", FAMILIES), ("test", TEST))
        for style, families in styles.items()
        for family, weights in families.items()
    ]
    with tempfile.TemporaryDirectory() as tmp:
        for split, style, family, weights in chosen:
            out = Path(tmp) / family
            archive = unpack(family, out)
            for weight in weights:
                source = next(p for p in out.rglob("*.ttf") if p.stem.split("_", 1)[1] == weight)
                face = weight.lstrip("0123456789").lower().replace("_", "-")
                name = f"{family}-{face}.ttf"
                shrink(source, HERE / name)
                row = {"file": name, "family": family, "style": style, "split": split}
                catalogue.append(row | {"package": archive.name.removesuffix(".tgz")})
                print(f"{name:42} {(HERE / name).stat().st_size / 1024:6.0f} KB", flush=True)
    write_text(HERE / "fonts.json", json.dumps(catalogue, indent=1) + "\n")


if __name__ == "__main__":
    main()
