import numpy as np
import pytest
import torch

from cvbook.models.embedder import Embedder, TimmEmbedder
from cvbook.train.embedder import balanced_batches, embed, jitter, train_embedder


def coloured(seed=0, n=120):
    """Noisy squares whose colour is their class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, n)
    colour = np.random.default_rng(9).uniform(40, 215, (6, 3, 1, 1))[labels]
    images = (colour + 20 * rng.normal(size=(n, 3, 24, 24))).clip(0, 255).astype(np.uint8)
    return torch.from_numpy(images), labels


def test_embeddings_have_length_one_and_do_not_depend_on_the_batch():
    torch.manual_seed(0)
    model, (images, _) = Embedder(dim=16, width=8).eval(), coloured()
    e = embed(model, images)
    assert e.shape == (120, 16) and e.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(e, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(e[:7], embed(model, images[:7], batch=2), atol=1e-5)
    # A picture and its mirror image are one.
    np.testing.assert_allclose(e[:3], embed(model, images[:3].flip(3)), atol=1e-5)


def test_training_brings_a_class_together_on_pictures_never_seen():
    images, labels = coloured()
    model, losses = train_embedder(images, labels, epochs=8, width=8, dim=16)
    test, truth = coloured(seed=1)
    near = embed(model, test) @ embed(model, images).T
    assert losses[-1] < 0.3 * losses[0] and (labels[near.argmax(1)] == truth).mean() > 0.95


def test_same_seed_same_weights():
    images, labels = coloured(n=40)
    models = [train_embedder(images, labels, epochs=1, width=8, seed=s)[0] for s in (1, 1, 2)]
    a, b, c = (model.head.weight for model in models)
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_a_last_batch_of_one_is_skipped_and_labels_may_be_words():
    images, labels = coloured(n=65)
    words = np.array(list("abcdef"))[labels]
    model, losses = train_embedder(images, words, epochs=1, batch=64, width=8)
    assert len(losses) == 1 and np.isfinite(losses).all() and not model.training


def test_what_cannot_be_trained_is_refused():
    images, _ = coloured(n=20)
    with pytest.raises(ValueError, match="at least two classes"):
        train_embedder(images, np.zeros(20), epochs=1)
    with pytest.raises(FloatingPointError, match="not finite"):
        train_embedder(images, np.arange(20), epochs=3, width=8, rate=float("inf"))


def test_jitter_keeps_shape_and_range_and_changes_the_picture():
    x = torch.rand(16, 1, 24, 24)
    y = jitter(x, torch.Generator().manual_seed(0))
    assert y.shape == x.shape and y.min() >= 0 and y.max() <= 1 and not torch.equal(x, y)


def test_balanced_batches_hold_every_class_once_before_any_comes_again():
    target = torch.tensor([0] * 9 + [1] * 3 + [2] * 5 + [3] * 7 + [4] * 1)
    seen, draw = [], torch.Generator().manual_seed(0)
    for rows in balanced_batches(target, batch=8, per_class=4, generator=draw):
        of, count = target[rows].unique(return_counts=True)
        assert len(of) == 2 and (count == 4).all()
        seen += of.tolist()
        for c in of.tolist():  # a picture comes twice only where a class has too few
            assert len(rows[target[rows] == c].unique()) == min(4, int((target == c).sum()))
    assert len(seen) == 8 and max(seen.count(c) for c in range(5)) <= 2


def test_watching_sees_the_network_after_each_epoch():
    images, labels = coloured(n=40)
    seen = []

    def watch(model, head):
        seen.append((model.training, len(head.centres)))

    train_embedder(images, labels, 3, width=8, watch=watch)
    assert seen == [(False, 6)] * 3


def test_a_timm_backbone_can_be_trained_further():
    images, labels = coloured(n=48)
    torch.manual_seed(0)
    model = TimmEmbedder("test_resnet", dim=16)
    before = model.head.weight.clone()
    trained, _ = train_embedder(images, labels, 2, model=model, dim=16)
    assert trained is model
    assert not torch.equal(before, model.head.weight)
    assert embed(model, images).shape == (48, 16)
