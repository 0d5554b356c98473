import torch

from cvbook.losses.bpe import Vocabulary
from cvbook.models import weights
from cvbook.text.alphabet import ALPHABET
from cvbook.train.branched import Lines, train_on


def test_no_two_seeds_and_no_two_parts_share_a_line():
    one, other = Lines(3, 6, 1), Lines(3, 6, 2)
    parts = [part for lines in (one, other) for part in (lines.first, lines.then)]
    texts = [[text for *_, batch, _ in part for text in batch] for part in parts]
    assert [len(part) for part in texts] == [3, 6, 3, 6]
    assert len({text for part in texts for text in part}) > 12  # short ones may come twice


def head_after(heads: int, rest: int = 1) -> tuple[torch.Tensor, torch.nn.Module]:
    """The second branch's weights after so many lines of its own, and its network."""
    units = Vocabulary(ALPHABET, [])
    model, _ = train_on(Lines(heads, rest, 0), 0.0, units, 0.5, seed=0, device="cpu")
    return model.bpe_head.weight, model


def test_the_branch_learns_first_and_alone():
    at_start, _ = head_after(1)  # one batch, of which the rate is still zero
    then, model = head_after(40)
    assert not torch.equal(at_start, then)
    shipped = dict(weights.recogniser().named_parameters())
    kept = {name: p for name, p in model.named_parameters() if name in shipped}
    assert kept.keys() == shipped.keys()
    assert all(torch.equal(p, shipped[name]) for name, p in kept.items())
    assert not model.training and all(p.requires_grad for p in model.parameters())


def test_then_everything_learns_and_without_a_branch_there_is_none():
    lines = Lines(1, 40, 0)
    shipped = weights.recogniser().head.weight
    alone, _ = train_on(lines, 1e-3, None, 0.5, seed=0, device="cpu")
    both, _ = train_on(lines, 1e-3, Vocabulary(ALPHABET, []), 0.5, seed=0, device="cpu")
    assert alone.bpe_head is None
    assert not torch.equal(alone.head.weight, shipped)
    assert not torch.equal(both.head.weight, alone.head.weight)
