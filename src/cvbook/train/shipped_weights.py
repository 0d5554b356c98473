"""Train the recogniser, the detector and the embedder that ship with the book.

Their weights and cards are written under data/weights.

make weights                       # all; hours on two CPU cores, resumable
python -m cvbook.train.shipped_weights --lines 2000000 --device cuda
python -m cvbook.train.shipped_weights --pages 0 --seed 1

The last is another draw of the recogniser, which is written under runs/weights.
"""

import argparse
import time
from dataclasses import replace
from functools import partial

import torch

from cvbook.data import open_set
from cvbook.losses.margins import Classification, arcface
from cvbook.metrics.retrieval import retrieval
from cvbook.models import weights
from cvbook.models.detector import Detector
from cvbook.models.recogniser import Recogniser
from cvbook.paths import RUNS
from cvbook.text.alphabet import ACCENTED_LANGUAGES, CHARACTERS
from cvbook.train.confidence import calibrate
from cvbook.train.detector import PageRecipe, train_detector
from cvbook.train.embedder import embed, train_embedder
from cvbook.train.recogniser import LineRecipe, accented_cer, held_out_cer, train

LINES, PAGES, EPOCHS = 155_000, 6_000, 40
# Then both readers go on with what stands alone in forms and tables: a word, a digit, a number.
SHORT = 0.4  # of the lines and pages
SHORT_LINES, SHORT_PAGES = 0.3, 0.6  # as many more, in parts of the first
# Then the recogniser learns the accented letters of eleven languages, and to count: Miller, 1000.
# Last, it meets both scripts, and several sentences, in one line.
MORE_LINES = 0.4  # each time
COMMAND = "python -m cvbook.train.shipped_weights"


def recogniser_card(recipe: LineRecipe, measured: dict) -> dict:
    """What a user of the shipped recogniser needs to know."""
    return {
        "what": "Reads one line of printed text in English, Russian or one of "
        f"{len(ACCENTED_LANGUAGES)} other languages of Europe, {len(CHARACTERS)} characters, "
        "by CTC",
        "trained on": f"{recipe.lines} synthetic lines in the training fonts, then "
        f"{int(SHORT_LINES * recipe.lines)} with many short ones, and twice "
        f"{int(MORE_LINES * recipe.lines)} with accented letters and, at last, both scripts in "
        "one line, each seen once; no real picture",
        "command": f"{COMMAND} --lines {recipe.lines} --seed {recipe.seed}",
        "measured": {k: round(v, 4) for k, v in measured.items()},
        "not for": "handwriting, vertical text, other scripts, curved signs; "
        "it has no notion of what it cannot read",
        "licence": "MIT",
    }


def detector_card(recipe: PageRecipe) -> dict:
    """What a user of the shipped detector needs to know."""
    return {
        "what": "Finds lines and words of printed text in a picture",
        "trained on": f"{recipe.pages} synthetic pages of {recipe.side} pixels, then "
        f"{int(SHORT_PAGES * recipe.pages)} with many short texts, each seen once; no real picture",
        "command": f"{COMMAND} --pages {recipe.pages}",
        "not for": "text turned by more than about 20 degrees (the reader turns such pages first), "
        "vertical text, handwriting",
        "licence": "MIT",
    }


def train_recogniser(lines: int, device: str, workers: int, seed: int) -> None:
    """Train, measure on held-out lines and write the weights; seed 0 is the one that ships."""
    torch.manual_seed(seed)
    model, recipe = Recogniser(), LineRecipe(lines=lines, seed=seed)
    # Another seed for other lines; hard ones from the start, and smaller steps.
    further = replace(
        recipe, lines=int(SHORT_LINES * lines), seed=seed + 100, short=SHORT, rate=5e-4, easy=0.01
    )
    more = replace(further, lines=int(MORE_LINES * lines), short=0.15, doubled=0.15)
    accented = replace(more, seed=seed + 200, accented=0.35)
    mixed = replace(more, seed=seed + 300, accented=0.15, mixed=0.2, sentences=0.25)
    parts = {"first": recipe, "further": further, "accented": accented, "mixed": mixed}
    for name, part in parts.items():
        if part is accented:
            torch.manual_seed(part.seed)
            model.learn_characters(len(CHARACTERS) + 1)
        file = RUNS / "weights" / f"recogniser-{lines}-{seed}-{name}.pt"
        train(model, part, file, device, workers, evaluate=held_out_cer)
    measured = held_out_cer(model.cpu(), 1000, (0.0, 0.3, 0.5, 0.7, 1.0))
    measured |= accented_cer(model)
    settings = {"classes": len(CHARACTERS) + 1, "calibration": calibrate(model)}
    card = recogniser_card(recipe, measured)
    weights.save(model, weights.recogniser_path(seed), settings, card)


def train_text_detector(pages: int, device: str, workers: int) -> None:
    """Train and write `data/weights/detector.safetensors`."""
    torch.manual_seed(0)
    model, recipe = Detector(), PageRecipe(pages=pages)
    further = replace(recipe, pages=int(SHORT_PAGES * pages), seed=100, short=SHORT, rate=1e-3)
    for name, part in (("first", recipe), ("further", further)):
        file = RUNS / "weights" / f"detector-{pages}-{name}.pt"
        train_detector(model, part, file, device, workers)
    weights.save(model, weights.FOLDER / "detector.safetensors", {}, detector_card(recipe))


def train_product_embedder(epochs: int, device: str) -> None:
    """Train on rendered products, measure on held-out ones, write `embedder.safetensors`."""
    data = open_set.products()
    settings = {"dim": 64, "width": 32, "channels": 3}
    loss = partial(Classification, margin=arcface(0.3))
    model, _ = train_embedder(
        data.train.images,
        data.train.labels,
        epochs,
        device=device,
        loss=loss,
        mirror=False,
        width=32,
    )
    measured = retrieval(embed(model, data.test.images, mirror=False), data.test.labels)
    card = {
        "what": "Turns a picture of a product, 48 × 48 pixels, into 64 numbers of length 1; "
        "pictures of one product lie close together",
        "trained on": f"{len(data.train.labels)} rendered close-ups of "
        f"{len(set(data.train.labels))} products; no real picture",
        "command": f"{COMMAND} --lines 0 --pages 0 --epochs {epochs}",
        "measured": {k: round(v, 4) for k, v in measured.items()},
        "not for": "real photos: it is here so that search can be tried without a network; "
        "take a pretrained backbone for those",
        "licence": "MIT",
    }
    weights.save(model.cpu(), weights.FOLDER / "embedder.safetensors", settings, card)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--lines", type=int, default=LINES, help="lines for the recogniser; 0 leaves it out"
    )
    parser.add_argument(
        "--pages", type=int, default=PAGES, help="pages for the detector; 0 leaves it out"
    )
    parser.add_argument(
        "--epochs", type=int, default=EPOCHS, help="for the product embedder; 0 leaves it out"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the recogniser's lines and first weights"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw pictures")
    args = parser.parse_args()
    minutes = {
        "recogniser": (1 + SHORT_LINES + 2 * MORE_LINES) * args.lines / 2600,
        "detector": (1 + SHORT_PAGES) * args.pages / 300,
        "embedder": args.epochs / 20,
    }
    print(
        "Minutes on two CPU cores, about: "
        + ", ".join(f"{name} {m:.0f}" for name, m in minutes.items())
    )
    began = time.perf_counter()
    if args.pages:
        train_text_detector(args.pages, args.device, args.workers)
    if args.epochs and args.seed == 0:  # other seeds are for the recogniser alone
        train_product_embedder(args.epochs, args.device)
    if args.lines:
        train_recogniser(args.lines, args.device, args.workers, args.seed)
    minutes_taken = (time.perf_counter() - began) / 60
    print(f"Training took {minutes_taken:.1f} minutes; now run `cvbook data hash`.")


if __name__ == "__main__":
    main()
