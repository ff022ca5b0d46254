"""Baselines that are trained for as many seconds as ours: their steps follow the clock, which the tests replace."""

from types import SimpleNamespace

import pytest
from quick_bench import context_of, quick_compare

from vaeaug import InputError
from vaeaug.bench import runs
from vaeaug.bench.keys import stable_key
from vaeaug.bench.methods import Catalogue
from vaeaug.bench.results import EQUAL_TIME
from vaeaug.bench.stages import equal_time
from vaeaug.bench.stages.equal_time import EqualTime, equal_steps
from vaeaug.bench.stages.method import Method

NAMES = ("classical (equal time)", "classical + MixUp (equal time)", "RandAugment + MixUp (equal time)")


@pytest.fixture
def stopped_clock(monkeypatch):
    monkeypatch.setattr(equal_time, "time", SimpleNamespace(perf_counter=lambda: 0.0))


def seconds_of(own, other):
    """A step of a method of ours takes `other` seconds, one of a baseline `own`."""
    return lambda method: other if "synthetic" in method.name else own


def method_named(name):
    (method,) = Catalogue("digits").named([name])
    return method


@pytest.mark.parametrize(
    ("steps", "prepared", "step", "own_step", "expected"),
    [
        (800, 0.0, 0.01, 0.01, 800),
        (800, 4.0, 0.01, 0.01, 1200),
        (800, 0.0, 0.04, 0.01, 3200),
        (800, 8.0, 0.04, 0.01, 4000),
        (800, 0.0, 0.0123, 0.01, 980),  # 984: two digits
        (800, 0.0, 0.0129, 0.01, 1000),
        (800, 0.0, 0.005, 0.01, 800),  # never fewer
    ],
)
def test_steps_are_seconds_over_seconds_per_step(steps, prepared, step, own_step, expected):
    assert equal_steps(steps, prepared, step, own_step) == expected


@pytest.mark.usefixtures("stopped_clock")
def test_the_vae_counts_whoever_trained_it(augmenter, digits):
    method = method_named("classical + MixUp (equal time)")
    for seconds, expected in ((0.0, 40), (3.0, 340)):
        context = context_of(digits, augmenter)
        context.shared._models["augmenter"] = augmenter, seconds
        # 10 steps of 0.04 s are 40 of 0.01 s; 3 s are 300.
        assert method.training_steps(context, seconds_of(0.01, 0.04)) == expected


@pytest.mark.usefixtures("stopped_clock")
def test_the_timing_counts_for_no_one(augmenter, digits):
    context = context_of(digits, augmenter)
    context.shared._models["augmenter"] = augmenter, 3.0
    context.shared.start_run()
    calls = []
    method = method_named("classical + MixUp (equal time)")
    for _ in range(2):
        method.training_steps(context, lambda m: calls.append(m.name) or 0.01)
    assert calls == ["classical + MixUp (equal time)", "classical + synthetic + MixUp"], "once in a process and seed"
    assert context.shared.used_seconds == 0, "the VAE is none of the baseline's"


def test_methods_share_the_steps_of_the_settings(digits):
    for method in Catalogue("digits").all:
        if method.kind != EQUAL_TIME:
            assert method.training_steps(context_of(digits), None) == 10


def test_each_is_its_baseline_with_a_reference_of_the_same_moves():
    by_name = {method.name: method for method in Catalogue("digits").all}
    assert tuple(m.name for m in by_name.values() if m.kind == EQUAL_TIME) == NAMES
    for name in NAMES:
        method, plain = by_name[name], by_name[name.removesuffix(" (equal time)")]
        assert method.stages == plain.stages
        assert method.reference == by_name[method.reference.name]
        assert method.reference.stages[1:] == plain.stages
        assert method != plain
        assert stable_key(method) != stable_key(plain)
        assert method.unsupported_reason("forest") == "an estimator takes no steps, of which there could be more"
        assert method.supports("cnn")
    assert not by_name[NAMES[2]].supports("mlp", images=False)
    with pytest.raises(
        InputError, match="expected a method with the steps of the settings as reference, got classical"
    ):
        EqualTime("twice", reference=by_name[NAMES[0]])


def test_the_result_states_its_steps(monkeypatch):
    monkeypatch.setattr(runs, "step_seconds", lambda context, method: seconds_of(1.0, 3.0)(method))
    names = ["classical + MixUp", "classical + MixUp (equal time)", "classical + synthetic + MixUp"]
    plain, longer, ours = quick_compare("digits", methods=names)
    assert (plain.steps, ours.steps) == (10, 10)
    # 30 s of steps, and less than 5 s of a VAE of ten steps.
    assert 30 <= longer.steps <= 35
    assert longer.kind == EQUAL_TIME
    assert (longer.vae_seconds, plain.vae_seconds) == (0, 0)
    assert ours.vae_seconds > 0
    assert longer.subset == plain.subset == ours.subset
    assert longer.accuracy != plain.accuracy


def test_a_step_is_timed_on_a_network_of_its_own(digits, monkeypatch):
    ticks = iter([0.0, *(100.0 + i for i in range(5)), *(200.0 + 2 * i for i in range(100))])
    monkeypatch.setattr(runs, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    context = context_of(digits)
    assert runs.step_seconds(context, Method("none")) == 2.0, "the median; the first steps do not count"
    before = context.new_network().state_dict()
    assert all((before[name] == value).all() for name, value in context.new_network().state_dict().items())
