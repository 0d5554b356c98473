"""Printed labels for products: a ground, a motif, a brand, the product's name and the small print.

Texts are drawn by the text generator's tools.
"""

from collections.abc import Callable

import cv2
import numpy as np

from cvbook.text.corpus import Split, sample_words
from cvbook.text.fonts import coverage, draw_text, fonts

Rng = np.random.Generator
PRODUCTS = {
    "cereal": ("Muesli", "Oat flakes", "Corn hoops", "Granola", "Хлопья", "Мюсли", "Rice puffs"),
    "tea": ("Green tea", "Black tea", "Herbal tea", "Чай чёрный", "Earl Grey", "Чай зелёный"),
    "milk": ("Milk 3.2 %", "Kefir", "Молоко", "Oat drink", "Ряженка", "Soya drink"),
    "soda": ("Cola", "Lemonade", "Orange soda", "Квас", "Tonic", "Ginger ale"),
    "tin": ("Sweet corn", "Green peas", "Горошек", "Beans", "Tomatoes", "Тушёнка", "Tuna"),
    "water": ("Spring water", "Still water", "Вода", "Sparkling", "Mineral water"),
    "juice": ("Apple juice", "Сок", "Multivitamin", "Cherry nectar", "Pear juice"),
    "jar": ("Honey", "Jam", "Мёд", "Pickles", "Olives", "Варенье", "Salsa"),
    "crisps": ("Crisps", "Paprika chips", "Чипсы", "Nachos", "Popcorn"),
    "coffee": ("Coffee", "Espresso", "Кофе", "Arabica", "Decaf"),
    "toothpaste": ("Toothpaste", "Fresh mint", "Зубная паста", "White gel"),
    "soap": ("Shampoo", "Hand soap", "Шампунь", "Shower gel", "Fabric care"),
}
AMOUNTS = {
    "cereal": "375 g",
    "tea": "100 g",
    "milk": "1 l",
    "soda": "0.33 l",
    "tin": "400 g",
    "water": "0.5 l",
    "juice": "0.75 l",
    "jar": "330 g",
    "crisps": "150 g",
    "coffee": "250 g",
    "toothpaste": "75 ml",
    "soap": "400 ml",
}


def _rgb(hue: float, saturation: float, value: float) -> np.ndarray:
    """float64[3], 0–255, from hue 0–1, saturation and value 0–1."""
    hsv = [int(180 * (hue % 1)), int(255 * saturation), int(255 * value)]
    pixel = np.array([[hsv]], np.uint8)
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].astype(float)


def palette(rng: Rng) -> list[np.ndarray]:
    """Ground, motif, accent and ink colours that read on each other: float64[3] each, 0–255."""
    hue = rng.random()
    ground = _rgb(hue, rng.uniform(0.0, 0.95) ** 0.7, rng.uniform(0.35, 1.0))
    motif = _rgb(hue + rng.choice([0.08, 0.33, 0.5, 0.6]), rng.uniform(0.4, 1), rng.uniform(0.4, 1))
    accent = _rgb(hue + rng.choice([0.0, 0.15, 0.5]), rng.uniform(0.5, 1), rng.uniform(0.25, 0.95))
    ink = np.array([250.0, 248, 240]) if ground.mean() < 140 else _rgb(rng.random(), 0.7, 0.2)
    return [ground, motif, accent, ink]


def ground(rng: Rng, shape: tuple[int, int], base: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The paper under everything, float32[H, W, 3], of one of `kinds`."""
    h, w = shape
    y, x = np.mgrid[:h, :w].astype(np.float32)
    x, y = x / w, y / h
    kind = rng.integers(7)
    n = rng.integers(3, 12)
    slant, phase = rng.uniform(-0.4, 0.4), rng.random()
    middle, half = rng.uniform(0.25, 0.75), rng.uniform(0.08, 0.2)
    kinds: tuple[Callable[[], np.ndarray], ...] = (
        lambda: np.zeros_like(x),  # flat
        lambda: y,  # a gradient
        lambda: np.sin(2 * np.pi * n * (x + slant * y)) > 0.3,  # stripes
        lambda: np.sin(n * np.arctan2(y - 0.45, 4 * (x - 0.5))) > 0.2,  # rays
        lambda: (np.mod(x * 4 * n, 1) - 0.5) ** 2 + (np.mod(y * 2 * n, 1) - 0.5) ** 2 < 0.06,
        lambda: y > 0.55 + 0.06 * np.sin(2 * np.pi * (4 * x + phase)),  # a wave
        lambda: np.abs(y - middle) < half,  # a band
    )
    mask = kinds[kind]().astype(np.float32)
    mask = cv2.GaussianBlur(mask, (0, 0), 0.8) * rng.uniform(0.3, 1.0)
    return (base + mask[..., None] * (other - base)).astype(np.float32)


def motif(
    rng: Rng, sheet: np.ndarray, centre: tuple[float, float], radius: float, color: np.ndarray
) -> None:
    """A drawn fruit, leaf, star, drop or burst with a shadow and a light spot, in place.

    Args:
        rng: draws which it is, and its form.
        sheet: float32[H, W, 3], is drawn on.
        centre: x and y, pixels.
        radius: pixels.
        color: float[3], 0–255.
    """
    kind = rng.integers(5)
    t = np.linspace(0, 2 * np.pi, 200)
    k = rng.integers(4, 13)
    r = (
        np.ones_like(t),
        0.55 + 0.45 * np.abs(np.cos(k / 2 * t)) ** rng.uniform(0.3, 2),
        0.8 + 0.2 * np.cos(k * t),
        np.abs(np.cos(t)) ** 0.7 * 0.6 + 0.4,
        np.where(np.arange(200) % (200 // k) < 100 // k, 1.0, 0.72),
    )[kind]
    turn = rng.uniform(0, 2 * np.pi)
    for scale, tone, shift in ((1.06, 0.55, 2.0), (1.0, 1.0, 0.0), (0.62, 1.18, -0.12 * radius)):
        x = centre[0] + shift + scale * radius * r * np.cos(t + turn)
        y = centre[1] + shift + scale * radius * r * np.sin(t + turn)
        points = np.round(np.stack([x, y], 1) * 8).astype(np.int32)
        shade = tuple(np.clip(color * tone, 0, 255).tolist())
        cv2.fillPoly(sheet, [points], shade, cv2.LINE_AA, 3)
    if rng.random() < 0.6:  # a stalk
        foot = int(centre[0]), int(centre[1] - 0.9 * radius)
        tip = int(centre[0] + 0.3 * radius), int(centre[1] - 1.3 * radius)
        cv2.line(sheet, foot, tip, (60, 110, 50), 4, cv2.LINE_AA)


def write(
    sheet: np.ndarray,
    text: str,
    font: str,
    centre: tuple[float, float],
    width: float,
    height: float,
    color: np.ndarray,
    shadow: bool = False,
) -> None:
    """Draw a text as large as fits, in place; characters that the font lacks are left out.

    Args:
        sheet: float32[H, W, 3], is drawn on.
        text: what to write.
        font: its file.
        centre: x and y of the text's middle, pixels.
        width, height: of the room for it, pixels.
        color: float[3], 0–255.
        shadow: whether a black copy lies under it.
    """
    text = "".join(c for c in text if c in coverage(font)).strip()
    if not text:
        return
    ink, _, _ = draw_text(text, font, 64)
    scale = min(width / ink.shape[1], height / ink.shape[0])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    ink = cv2.resize(ink, None, fx=scale, fy=scale, interpolation=how).astype(np.float32) / 255
    h, w = ink.shape
    x, y = round(centre[0] - w / 2), round(centre[1] - h / 2)
    for dx, tone in ((2, np.zeros(3)), (0, color)) if shadow else ((0, color),):
        part = sheet[max(0, y + dx) : y + dx + h, max(0, x + dx) : x + dx + w]
        alpha = ink[max(0, -y - dx) :, max(0, -x - dx) :][: part.shape[0], : part.shape[1], None]
        part += alpha * (tone - part)


def label(
    seed: int, category: str, brand: str, aspect: float, front: float, split: Split = "train"
) -> np.ndarray:
    """The whole wrap of a product's label; its middle is the front.

    Args:
        seed: of the artwork; the same seed, category, brand and aspect give the same pixels.
        category: a key of `PRODUCTS`, which names the product.
        brand: printed large.
        aspect: width of the wrap over its height.
        front: share of the width that is seen from the front.
        split: "test" uses fonts and words that nothing is trained on.

    Returns:
        uint8[256, W, 3], W at most 640.
    """
    rng = np.random.default_rng([seed, 21])
    h, w = 256, int(np.clip(256 * aspect, 64, 640))
    base, second, accent, ink = palette(rng)
    sheet = ground(rng, (h, w), base, second if rng.random() < 0.5 else accent)
    middle, face = w / 2, w * front
    faces = fonts(split)
    display = [f for f in faces if f.style in ("display", "sans", "serif", "condensed")]
    loud, plain = (display[rng.integers(len(display))].file for _ in range(2))
    order = rng.permutation(3)  # where brand, motif and name stand, from the top
    places = {int(k): 0.2 + 0.27 * i for i, k in enumerate(order)}
    spot = (middle + rng.uniform(-0.15, 0.15) * face, h * places[1])
    motif(rng, sheet, spot, min(0.3 * face, 0.16 * h) * rng.uniform(0.7, 1.25), second)
    if rng.random() < 0.4:
        y = int(h * places[0])
        sheet[max(0, y - 30) : y + 30] = accent
        ink = np.array([250.0, 248, 240]) if accent.mean() < 140 else ink * 0.4
    title = brand.upper() if rng.random() < 0.5 else brand.capitalize()
    spot, tall = (middle, h * places[0]), rng.uniform(34, 52)
    write(sheet, title, loud, spot, 0.86 * face, tall, ink, rng.random() < 0.4)
    names = PRODUCTS[category]
    name = names[rng.integers(len(names))]
    write(sheet, name, plain, (middle, h * places[2]), 0.7 * face, rng.uniform(18, 28), ink)
    write(sheet, AMOUNTS[category], plain, (middle + 0.2 * face, 0.93 * h), 0.3 * face, 15, ink)
    # The back: bars and a block of small print.
    bars = np.repeat(rng.random(60) < 0.5, 2)[: min(60, w // 6)]
    sheet[20:60, 4 : 4 + len(bars)] = np.where(bars, 20.0, 250.0)[None, :, None]
    words = sample_words(rng, 12, "en", split)
    for row in range(3):
        text = " ".join(words[4 * row : 4 * row + 4])
        write(sheet, text, plain, (0.1 * w, 90 + 22 * row), 0.16 * w, 10, ink)
    return np.clip(sheet, 0, 255).astype(np.uint8)
