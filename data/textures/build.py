"""Make the background tiles of this folder from pictures in the scikit-image wheel, all CC0."""

from pathlib import Path

import skimage
from PIL import Image

SOURCE = Path(skimage.__file__).parent / "data"
# Lines for evaluation use the tiles named test-*: no recogniser is trained on them.
TILES = {
    "train-brick": "brick.png",
    "train-grass": "grass.png",
    "train-coffee": "coffee.png",
    "test-gravel": "gravel.png",
    "test-cat": "chelsea.png",
    "test-rocket": "rocket.jpg",
}
for name, file in TILES.items():
    tile = Image.open(SOURCE / file).convert("RGB")
    side = min(tile.size)
    small = tile.crop((0, 0, side, side)).resize((256, 256), Image.Resampling.LANCZOS)
    small.save(Path(__file__).parent / f"{name}.jpg", quality=80)
