"""Byte-pair encoding, and a second CTC branch that predicts its units.

After Sennrich et al. (2016) and mailru, system S9.

One wrong letter in "penguins" is one character in eight, but it changes every unit around it, so a
loss over units feels it more. The branch reads the same states as the character head and is dropped
after training.
"""

from collections import Counter
from itertools import pairwise

from torch import Tensor, nn

from cvbook.losses.ctc import ctc_loss


def merge(units: list[str], pair: tuple[str, str]) -> list[str]:
    """Join each occurrence of a pair of neighbours, from the left."""
    joined: list[str] = []
    for unit in units:
        if joined and (joined[-1], unit) == pair:
            joined[-1] += unit
        else:
            joined.append(unit)
    return joined


def learn_bpe(words: Counter[str], merges: int) -> list[tuple[str, str]]:
    """Learn merges: join the commonest pair of neighbours, again and again.

    Args:
        words: how often each word occurs. Pairs do not cross words.
        merges: how many to learn; fewer come back when no pair is left.

    Returns:
        Pairs in the order in which they were learnt. Of equally common pairs the one whose units
        are older wins. The oldest are the letters, in code-point order, as in the `tokenizers`
        library.
    """
    split = {word: list(word) for word in words}
    age = {c: i for i, c in enumerate(sorted(set("".join(words))))}
    learnt: list[tuple[str, str]] = []
    for _ in range(merges):
        pairs: Counter[tuple[str, str]] = Counter()
        for word, units in split.items():
            for pair in pairwise(units):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], age[p[0]], age[p[1]]))
        learnt.append(best)
        age.setdefault("".join(best), len(age))
        split = {word: merge(units, best) for word, units in split.items()}
    return learnt


class Vocabulary:
    """Units and their classes: 0 is CTC's blank, then single characters, then merges in order.

    Args:
        alphabet: characters, each a unit of its own, so that all that is in it can be written.
        merges: as `learn_bpe` returns them, or from a trained `tokenizers` model.
    """

    def __init__(self, alphabet: str, merges: list[tuple[str, str]]):
        self.merges = [tuple(m) for m in merges]
        self.units = ["", *dict.fromkeys([*alphabet, *("".join(m) for m in self.merges)])]
        self._class = {unit: i for i, unit in enumerate(self.units)}
        self._rank = {pair: i for i, pair in enumerate(self.merges)}
        self._known: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.units)

    def split(self, word: str) -> list[str]:
        """Units of a word: the merge that was learnt first is applied first."""
        units = list(word)
        while len(units) > 1:
            best = min(pairwise(units), key=lambda p: self._rank.get(p, len(self._rank)))
            if best not in self._rank:
                break
            units = merge(units, best)
        return units

    def encode(self, text: str) -> list[int]:
        """Classes of a text; spaces are units of their own.

        Raises:
            KeyError: a character outside the alphabet.
        """
        classes: list[int] = []
        for i, word in enumerate(text.split(" ")):
            if i:
                classes.append(self._class[" "])
            if word not in self._known:
                self._known[word] = [self._class[u] for u in self.split(word)]
            classes += self._known[word]
        return classes


class BpeBranch:
    """The extra loss of `train.recogniser.train`: CTC over the units that `bpe_head` predicts.

    Args:
        vocabulary: its length must be the recogniser's `bpe_classes`.
        weight: of this loss beside the character loss.

    Attributes:
        impossible: lines so far that were too short for their units.
    """

    def __init__(self, vocabulary: Vocabulary, weight: float = 0.5):
        self.vocabulary, self.weight, self.impossible = vocabulary, weight, 0

    def __call__(self, model: nn.Module, states: Tensor, steps: Tensor, texts: list[str]) -> Tensor:
        units = [self.vocabulary.encode(text) for text in texts]
        loss, impossible = ctc_loss(model.get_submodule("bpe_head")(states), steps, units)
        self.impossible += impossible
        return self.weight * loss
