import pytest
import torch

from vaeaug import InputError
from vaeaug.bench.regimes import IMBALANCED, Regime, class_counts, draw_subset
from vaeaug.data import Samples


def pool_of(counts):
    """Random samples, `counts` of each class."""
    y = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return Samples(torch.rand(len(y), 2, generator=torch.Generator().manual_seed(0)), y)


@pytest.mark.parametrize(
    ("text", "counts", "is_imbalanced", "per_class", "words"),
    [
        ("20", (20,), False, 20, "20 per class"),
        ("5/5", (5, 5), False, None, "5 per class"),
        ("30/10/4", (30, 10, 4), True, None, "30 to 4 per class"),
        ("30/10/4 permuted", (30, 10, 4), True, None, "30 to 4 per class, classes permuted"),
    ],
)
def test_the_text_of_a_regime_is_read_back(text, counts, is_imbalanced, per_class, words):
    regime = Regime.parse(text)
    assert str(regime) == text
    assert regime.counts == counts
    assert regime.is_imbalanced == is_imbalanced
    assert regime.per_class == per_class
    assert regime.describe() == words


@pytest.mark.parametrize("text", ["", "imbalanced", "5/", "-5", "5 permuted ", "5,4"])
def test_other_texts_are_refused(text):
    with pytest.raises(InputError, match="expected a regime such as '20', '9/4' or '9/4 permuted', got "):
        Regime.parse(text)


def test_a_regime_from_what_a_user_passes():
    assert Regime.of(5) == Regime((5,))
    assert Regime.of([5, 4]) == Regime((5, 4))
    assert str(Regime.of("imbalanced")) == "3600/1800/900/675/450/315/180/90/54/36"
    assert str(Regime.of("imbalanced-small")) == "300/180/110/66/40/24/14/9/6/4 permuted"
    assert Regime.of(Regime((5,))) == Regime((5,))
    with pytest.raises(
        InputError, match="expected per_class to be one of imbalanced, imbalanced-small, got 'lopsided'"
    ):
        Regime.of("lopsided")
    with pytest.raises(InputError, match="expected one count per class, got 1 counts; pass a number for all classes"):
        Regime.of([5])


def test_counts_of_classes():
    assert class_counts(5, 3) == [5, 5, 5]
    assert class_counts([5, 4, 3], 3) == [5, 4, 3]
    with pytest.raises(InputError, match="expected one count or 3 counts, got 10 counts; give one count per class"):
        class_counts("imbalanced", 3)


def test_permuted_counts_depend_on_the_seed():
    counts = [class_counts("imbalanced-small", 10, seed) for seed in (0, 1)]
    # Committed results were drawn with these.
    assert counts[0] == [4, 14, 300, 180, 110, 66, 9, 24, 6, 40]
    assert counts[0] != counts[1]
    assert [sorted(c, reverse=True) for c in counts] == [list(IMBALANCED["imbalanced-small"])] * 2


def test_a_drawn_subset_has_the_counts_of_its_regime():
    pool = pool_of([300] * 10)
    assert draw_subset(pool, "imbalanced-small", 1).counts == class_counts("imbalanced-small", 10, 1)
    assert draw_subset(pool, 7, 1).counts == [7] * 10
    assert torch.equal(draw_subset(pool, 7, 1).x, draw_subset(pool, Regime.parse("7"), 1).x)
