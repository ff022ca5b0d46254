"""The baseline that fine-tunes a pretrained network in place of the run's own."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from quick_bench import context_of, one_hot
from torch import nn

from vaeaug import InputError
from vaeaug.bench.compare import compare
from vaeaug.bench.methods import Catalogue
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages import pretrained
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.pretrained import Pretrained
from vaeaug.data import Samples, load, subset
from vaeaug.models.classifiers import Standardize, channel_moments
from vaeaug.models.training import evaluating
from vaeaug.runtime import files, seeds

pytestmark = pytest.mark.usefixtures("random_state_untouched")

STAGE = Pretrained(size=32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Returns a file of the form that `benchmarks/pretrained_weights.py` writes, with weights that nobody trained."""
    efficientnet = pytest.importorskip(pretrained.Pretrained.requires[0], reason="needs vaeaug[backbone]")
    with seeds.forked(1):
        state = efficientnet.EfficientNet.from_name("efficientnet-lite0").state_dict()
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    files.save_tensors(path, state, pretrained.KIND, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretrained, "WEIGHTS", path)
        yield state


@pytest.fixture(scope="module")
def few():
    return subset(load("digits"), 3, seed=0)


def network_of(samples):
    """Returns the network of a run, whose own body fails when it is used."""
    return Standardize(nn.Identity(), *channel_moments(samples.x))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_network_in_training_is_the_pretrained_one(few, channels, weights):
    samples = replace(few, x=few.x.expand(-1, channels, -1, -1))
    network = network_of(samples)
    x, t = samples.x[:4], one_hot(samples)[:4]
    same_x, same_t = STAGE.fit(context_of(samples), network)(x, t, 0)
    assert torch.equal(same_x, x)
    assert torch.equal(same_t, t)
    with evaluating(network):
        assert network(x).shape == (4, 10)
    backbone = network.network.network
    assert torch.equal(backbone._conv_stem.weight, weights["_conv_stem.weight"])
    assert torch.equal(backbone._blocks[3]._bn1.weight, weights["_blocks.3._bn1.weight"])


def test_pretrained_weights_move_slower_than_the_new_layer(few, weights):
    network = network_of(few)
    replace(STAGE, rate=0.1).fit(context_of(few), network)
    backbone = network.network.network
    parts = {"head": backbone._fc, "stem": backbone._conv_stem, "block": backbone._blocks[5]._bn0}
    before = {name: part.weight.detach().clone() for name, part in parts.items()}
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0)
    nn.functional.cross_entropy(network(few.x[:8]), few.y[:8]).backward()
    optimizer.step()
    moved = {name: (part.weight - before[name]).abs().max().item() for name, part in parts.items()}
    assert moved["head"] == pytest.approx(0.01, rel=0.05)
    assert moved["stem"] == pytest.approx(0.001, rel=0.05)
    assert moved["block"] == pytest.approx(0.001, rel=0.05)


def test_a_run_with_it_is_repeatable(few, weights):
    settings = Settings(steps=2, batch=8)
    methods = [Method("pretrained", (STAGE,), kind="baseline")]
    first, second = (
        next(compare(few, test=few, methods=methods, per_class=2, seeds=1, settings=settings, progress=False))
        for _ in range(2)
    )
    assert first.steps == 2
    assert first.log_loss == second.log_loss


def test_what_it_cannot_use_is_refused(few, weights):
    two_channels = Samples(few.x.expand(-1, 2, -1, -1), few.y, few.names)
    with pytest.raises(InputError, match="expected images of 1 or 3 channels, got 2 channels"):
        STAGE.fit(context_of(two_channels), network_of(two_channels))
    with pytest.raises(InputError, match="expected the network of a run, got NoneType"):
        STAGE.fit(context_of(few, classifier="forest"))


def test_it_is_for_networks_on_images():
    method = Method("pretrained", (STAGE,))
    assert method.supports("cnn")
    assert not method.supports("forest")
    assert not method.supports("mlp", images=False)
    for wrong in ({"size": 16}, {"rate": 0}, {"rate": 2}):
        with pytest.raises(InputError, match=rf"expected {next(iter(wrong))} to be a"):
            Pretrained(**wrong)


@pytest.mark.parametrize(
    ("package", "path", "reason"),
    [
        ("no_such_package", __file__, r"the package no_such_package for .*; pip install 'vaeaug\[backbone\]'"),
        (
            "torch",
            "no-such-file",
            r"the weights of ImageNet in no-such-file for .*; run 'python benchmarks/pretrained_w",
        ),
    ],
)
def test_without_its_code_or_its_weights_it_is_left_out_or_refused_with_the_reason(package, path, reason, monkeypatch):
    monkeypatch.setattr(Pretrained, "requires", (package, "backbone"))
    monkeypatch.setattr(pretrained, "WEIGHTS", Path(path))
    catalogue = Catalogue("digits")
    methods = [method for method in catalogue.all if "pretrained" in method.name]
    assert len(methods) == 2
    assert not any(method.available for method in methods)
    assert not {*catalogue.named(["all"])} & {*methods}
    with pytest.raises(InputError, match=reason):
        compare("digits", methods=methods, progress=False)


def test_a_damaged_file_of_weights_gives_one_clear_error(few, weights, monkeypatch, tmp_path):
    damaged = tmp_path / "weights.safetensors"
    damaged.write_bytes(pretrained.WEIGHTS.read_bytes()[:1000])
    monkeypatch.setattr(pretrained, "WEIGHTS", damaged)
    with pytest.raises(InputError, match=r"weights\.safetensors"):
        STAGE.fit(context_of(few), network_of(few))
