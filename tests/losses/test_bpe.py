"""BPE against the textbook example and the tokenizers library; the branch."""

import json
from collections import Counter

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from cvbook.losses import bpe
from cvbook.models.recogniser import Recogniser
from cvbook.text.alphabet import ALPHABET
from cvbook.text.corpus import vocabulary


def test_textbook_example():
    merges = bpe.learn_bpe(Counter({"aaabdaaabac": 1}), 3)
    assert merges == [("a", "a"), ("a", "b"), ("aa", "ab")]
    units = list("aaabdaaabac")
    for pair in merges:
        units = bpe.merge(units, pair)
    assert units == ["aaab", "d", "aaab", "a", "c"]  # XdXac


def test_no_pair_left_and_no_words():
    assert bpe.learn_bpe(Counter({"ab": 2}), 10) == [("a", "b")]
    assert bpe.learn_bpe(Counter(), 5) == []


@pytest.mark.parametrize("language", ["en", "ru"])
def test_parity_with_tokenizers(language):
    words = Counter(
        {w: 3000 // (i + 1) + 1 for i, w in enumerate(vocabulary(language, "train")[0][:1200])}
    )
    library = Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(vocab_size=250, show_progress=False)
    library.train_from_iterator((" ".join([w] * n) for w, n in words.items()), trainer)
    theirs = [tuple(m) for m in json.loads(library.to_str())["model"]["merges"]]
    ours = bpe.learn_bpe(words, len(theirs))
    assert len(theirs) > 150 and ours == theirs
    units = bpe.Vocabulary(ALPHABET, ours)
    for word in [*list(words)[::37], "penguins", "пингвины"]:
        if set(word) <= set("".join(words)):
            assert units.split(word) == library.encode(word).tokens


def test_vocabulary_encodes_everything_in_the_alphabet():
    units = bpe.Vocabulary(ALPHABET, [("p", "e"), ("pe", "n")])
    assert [units.units[c] for c in units.encode("open pen")] == ["o", "pen", " ", "pen"]
    assert units.encode("") == [] and len(units.encode(ALPHABET.strip())) == len(ALPHABET) - 1
    with pytest.raises(KeyError):
        units.encode("日")


def test_branch_is_free_at_inference_and_trains_the_states():
    torch.manual_seed(0)
    units = bpe.Vocabulary(ALPHABET, [("a", "b")])
    model = Recogniser(width=48, layers=1, bpe_classes=len(units))
    x, w = torch.rand(2, 1, 32, 64), torch.tensor([64, 64])
    states, steps = model.states(x, w)
    branch = bpe.BpeBranch(units, weight=1.0)
    branch(model, states, steps, ["ab", "ba"]).backward()
    assert model.cnn[0][0].weight.grad.abs().sum() > 0 and model.head.weight.grad is None
    branch(model, *model.states(x, w), ["a" * 40, "b"])
    assert branch.impossible == 1
    calls = []
    model.bpe_head.register_forward_hook(lambda *a: calls.append(1))
    with torch.inference_mode():
        before = model.eval()(x, w)
        model.bpe_head = None
        assert torch.equal(before, model(x, w)) and not calls
