import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from vaeaug import InputError
from vaeaug.rows import Result
from vaeaug.verdicts import contrasts, holm, interval, sentence, summaries, table

ROW = Result("digits", "5", "cnn", "none", 0, 0.5, 0.5, 0.5, 0.0, 10, 1.0, 0.0, 50, "abc", "def", "1 1/1 1")


def rows(**arms):
    """Rows of each arm from its accuracies in percent."""
    return [
        replace(ROW, arm=arm.replace("_", " + "), seed=seed, accuracy=value / 100)
        for arm, values in arms.items()
        for seed, value in enumerate(values)
    ]


def test_interval_is_the_t_interval():
    values = [70.0, 72.0, 75.0, 71.0]
    mean, low, high = interval(values)
    expected = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (mean, low, high) == pytest.approx((72.0, *expected))
    assert interval([3.0])[0] == 3.0
    assert all(math.isnan(end) for end in interval([3.0])[1:])


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, float("nan"), 0.6])[0] == 1.0
    assert holm([]) == []


def test_pairing_removes_the_spread_between_seeds():
    base = [50, 60, 70, 80, 90]
    found = contrasts(rows(none=base, vae=[b + 1 + 0.1 * i for i, b in enumerate(base)]))[0]
    assert found.mean == pytest.approx(1.2)
    assert found.verdict == "helps"
    assert found.low > 0.9
    assert found.seeds == 5


def test_verdicts():
    base = [50.0, 60.0, 70.0, 80.0, 90.0]
    worse, noise = [b - 2 - 0.1 * (i % 2) for i, b in enumerate(base)], [51.0, 58.0, 71.0, 79.5, 90.0]
    by_arm = {
        c.arm: c for c in contrasts(rows(none=base, worse=worse, noise=noise, same=base, shifted=[b + 1 for b in base]))
    }
    assert {name: c.verdict for name, c in by_arm.items()} == {
        "worse": "hurts",
        "noise": "no effect",
        "same": "no effect",
        "shifted": "no effect",
    }
    assert [c.verdict for c in contrasts(rows(none=[50], vae=[60]))] == ["one seed"]


def test_ties_are_not_certain():
    # Differences that are alike to the last digit, as on small test sets: five of five up is p = 1/16 by the sign test.
    base = [50.0, 60.0, 70.0, 80.0, 90.0]
    tied = contrasts(rows(none=base, vae=[b + 1 for b in base]))[0]
    assert tied.p == pytest.approx(1 / 16)
    rounded = contrasts(rows(none=[80, 70, 60], vae=[90, 80, 70]))[0]
    assert rounded.p == pytest.approx(1 / 4)


def test_two_names_for_one_arm_are_seldom_told_apart():
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(200):
        seeds = rng.normal(75, 2, 10)
        arms = {name: seeds + rng.normal(0, 0.7, 10) for name in ("none", "vae", "classical", "classical_vae")}
        wrong += any(c.verdict != "no effect" for c in contrasts(rows(**arms)))
    assert wrong <= 12


def test_a_true_gain_is_found():
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(100):
        seeds = rng.normal(75, 2, 20)
        arms = {"none": seeds + rng.normal(0, 0.5, 20), "vae": seeds + 1 + rng.normal(0, 0.5, 20)}
        found += contrasts(rows(**arms))[0].verdict == "helps"
    # One point against a spread of 0.71 of the differences, 20 pairs: the t-test's power is above 0.999.
    assert found >= 97


def test_seeds_that_only_one_arm_has_are_left_out():
    found = contrasts(rows(none=[50, 60, 70], vae=[51, 61.5]))[0]
    assert found.seeds == 2
    assert found.mean == pytest.approx(1.25)


def test_rows_of_different_subsets_are_not_paired():
    other = [replace(row, subset="other") if row.arm == "vae" else row for row in rows(none=[1, 2], vae=[2, 3])]
    with pytest.raises(InputError, match="expected paired rows of one training subset and number of steps"):
        contrasts(other)
    longer = [replace(row, steps=99) if row.arm == "vae" else row for row in rows(none=[1, 2], vae=[2, 3])]
    with pytest.raises(InputError, match="expected paired rows of one training subset and number of steps"):
        contrasts(longer)


def test_missing_rival():
    with pytest.raises(InputError, match=r"expected rows of the arm 'none', got arms \['vae'\]; run that arm, too"):
        contrasts(rows(vae=[1, 2]))
    assert contrasts([]) == []


def test_summaries_count_the_cost():
    cells = summaries([replace(row, vae_seconds=3.0) for row in rows(vae=[50, 60])])
    assert cells[0].mean == pytest.approx(55)
    assert cells[0].seconds == pytest.approx(4.0)


def test_sentences_say_what_was_found():
    base = [50.0, 60.0, 70.0, 80.0, 90.0]
    good = contrasts(rows(none=base, vae=[b + 2 + 0.1 * i for i, b in enumerate(base)]))[0]
    assert sentence(good) == "cnn: vae helps: +2.2 points over none (95 % interval +2.0 to +2.4, 5 seeds)."
    assert "hurts: -2.2" in sentence(replace(good, verdict="hurts", mean=-2.2))
    assert "shows no effect: +2.2" in sentence(replace(good, verdict="no effect"))
    assert "not enough after Holm's correction" in sentence(replace(good, verdict="no effect"))
    assert "says nothing yet" in sentence(contrasts(rows(none=[50], vae=[60]))[0])


def test_table_has_every_arm_the_bad_ones_too():
    text = table(rows(none=[70, 71, 72], classical=[71, 72, 73.5], vae=[60, 61, 62.5])).splitlines()
    assert len({len(line) for line in text}) == 1
    assert len(text) == 5
    assert "hurts" in text[-1]
    assert text[-1].count("-9.8") == 1


def test_table_without_a_rival_leaves_its_columns_empty():
    line = table(rows(classical=[71, 72, 73.5], vae=[81, 82, 83.6])).splitlines()[-1].split("|")
    assert [cell.strip() for cell in line[4:6]] == ["", ""]
    assert line[6].strip().startswith("+10.0")
