"""An augmenter in a folder: complete, safe to read, and the same as before."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from own_parts import Mine, own_vae
from same_samples import same as same_samples

import vaeaug
from vaeaug import VAE, Augmenter, Confident, Covariance, Difference, InputError, Interpolate, Posterior
from vaeaug.data import Samples, load
from vaeaug.perturb import PERTURBATIONS
from vaeaug.runtime import files


@pytest.fixture(scope="module")
def fitted(digits):
    return Augmenter(perturb=Interpolate(0.7, neighbours=3)).fit(digits, steps=30, latent_dim=4, progress=False)


@pytest.fixture
def folder(fitted, tmp_path):
    fitted.save(tmp_path / "saved")
    return tmp_path / "saved"


def same(a, b, **arguments):
    return same_samples(*(augmenter.generate(300, seed=5, **arguments) for augmenter in (a, b)))


def edit(folder, change):
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("data", ["digits", "wine"])
def test_round_trip(data, digits, tmp_path):
    data = digits if data == "digits" else load(data)
    one = Augmenter(perturb=Covariance(0.3, pooled=False), residual=False).fit(
        data, steps=30, num_classes=10, progress=False
    )
    one.save(tmp_path / "one")
    two = Augmenter.load(tmp_path / "one")
    assert same(one, two)
    assert same(one, two, near=data.x[:7])
    assert same(one, two, labels=[2, 0])
    assert (two.perturb, two.residual, two.filter) == (one.perturb, False, None)
    assert two.bank_.samples.names == data.names
    assert two.bank_.scaling == one.bank_.scaling
    two.save(tmp_path / "two")
    for name in ("config.json", "README.md"):
        assert (tmp_path / "one" / name).read_text() == (tmp_path / "two" / name).read_text()


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_every_perturbation_comes_back(name, fitted, tmp_path):
    scheme = PERTURBATIONS[name](scale=0.25)
    fitted.using(perturb=scheme).save(tmp_path / "saved")
    assert Augmenter.load(tmp_path / "saved").perturb == scheme


def test_no_pickle_and_no_other_files(folder):
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["README.md", "bank.safetensors", "config.json", "vae.safetensors"]
    assert [p.name for p in folder.parent.iterdir()] == ["saved"]


def test_saving_again_replaces(fitted, folder):
    fitted.using(perturb=Posterior(0.1)).save(folder)
    assert Augmenter.load(folder).perturb == Posterior(0.1)
    assert [p.name for p in folder.parent.iterdir()] == ["saved"]


def test_a_failed_save_leaves_the_earlier_one(fitted, folder, monkeypatch):
    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("vaeaug.augmenter.saving.files.save_json", full)
    with pytest.raises(InputError, match=r"enough disk space to write .*No space left"):
        fitted.using(perturb=Posterior(0.1)).save(folder)
    assert same(fitted, Augmenter.load(folder))
    assert [p.name for p in folder.parent.iterdir()] == ["saved"]


def test_foreign_folders_are_refused(fitted, folder, tmp_path):
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(
        InputError, match=r"a new or empty folder, got .*, which has 'notes.txt'; choose another folder"
    ):
        fitted.save(folder)
    assert (folder / "notes.txt").read_text() == "mine"
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(
        InputError, match=r"a folder that Augmenter.save wrote, got .* of something else; choose another"
    ):
        fitted.save(other)
    with pytest.raises(InputError, match="a folder, got the file"):
        fitted.save(other / "config.json")
    assert json.loads((other / "config.json").read_text()) == {"model_type": "bert"}


def test_before_fit(tmp_path):
    with pytest.raises(ValueError, match="expected a fitted augmenter"):
        Augmenter().save(tmp_path / "saved")


@pytest.mark.parametrize("name", ["config.json", "vae.safetensors", "bank.safetensors"])
def test_missing_and_truncated_files_are_refused(name, folder):
    path = folder / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=rf"{name}.*again"):
        Augmenter.load(folder)
    path.unlink()
    with pytest.raises(InputError, match=rf"{name}.*again"):
        Augmenter.load(folder)


def test_foreign_and_newer_folders_are_refused(folder, tmp_path):
    with pytest.raises(InputError, match=r"a folder that Augmenter.save wrote, got .*No such file"):
        Augmenter.load(tmp_path / "nothing")
    edit(folder, lambda c: c.update(version=99))
    with pytest.raises(InputError, match=r"version 2 or older in .*config.json', got 99; install a newer vaeaug"):
        Augmenter.load(folder)
    edit(folder, lambda c: c.update(version=2, format="bert"))
    with pytest.raises(InputError, match="which is of something else"):
        Augmenter.load(folder)
    (folder / "config.json").write_text("[1]")
    with pytest.raises(InputError, match="which is of something else"):
        Augmenter.load(folder)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda c: c.pop("data"), "invalid content .*'data'"),
        (lambda c: c["augmenter"]["perturb"]["fields"].update(speed=3), "invalid content .*speed"),
        (lambda c: c["augmenter"]["perturb"].update(type="Evil"), "the perturbation to be one of .*, got 'Evil'"),
        (lambda c: c["data"].update(counts=[120]), "a bank that fits config.json"),
        (lambda c: c["data"]["scaling"].update(low=3), "invalid content"),
    ],
)
def test_edited_configs_are_refused(folder, change, match):
    edit(folder, change)
    with pytest.raises(InputError, match=match):
        Augmenter.load(folder)


def test_files_of_two_augmenters_are_refused(fitted, folder, digits, tmp_path):
    Augmenter().fit(digits, steps=20, latent_dim=4, seed=1, progress=False).save(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "vae.safetensors", folder)
    with pytest.raises(
        InputError, match="the VAE that the bank was encoded with, got one that gives other codes; pass the same VAE"
    ):
        Augmenter.load(folder)
    with pytest.raises(InputError, match="one that gives other codes"):
        Augmenter.load(folder, vae=VAE((1, 8, 8), latent_dim=5))
    with pytest.raises(InputError, match=r"samples in the bank of shape \(B, 1, 28, 28\)"):
        Augmenter.load(folder, vae=VAE((1, 28, 28), latent_dim=4))
    assert same(fitted, Augmenter.load(folder, vae=fitted.vae_))


def test_an_own_vae_is_passed_again(digits, tmp_path):
    one = Augmenter(own_vae()).fit(digits)
    one.save(tmp_path / "saved")
    assert not (tmp_path / "saved" / "vae.safetensors").exists()
    with pytest.raises(InputError, match=r"the augmenter's vae, got none; .* own, Adapted, .*load\(folder, vae=...\)"):
        Augmenter.load(tmp_path / "saved")
    with pytest.raises(InputError, match="a VAE with encode and decode, got int"):
        Augmenter.load(tmp_path / "saved", vae=3)
    assert same(one, Augmenter.load(tmp_path / "saved", vae=own_vae()))


def test_an_own_perturbation_is_passed_again(fitted, tmp_path):
    one = fitted.using(perturb=Mine(0.5))
    one.save(tmp_path / "saved")
    with pytest.raises(
        InputError, match=r"the augmenter's perturb, got none; .* own, Mine, .*load\(folder, perturb=...\)"
    ):
        Augmenter.load(tmp_path / "saved")
    assert same(one, Augmenter.load(tmp_path / "saved", perturb=Mine(0.5)))


def test_a_filter_is_passed_again(fitted, tmp_path):
    judge = Confident(lambda x: ((1e3 * x.flatten(1).sum(1, keepdim=True)).long() % 2).float().expand(-1, 10))
    one = fitted.using(filter=judge)
    assert not same(fitted, one)
    one.save(tmp_path / "saved")
    with pytest.warns(UserWarning, match="had a filter, Confident; pass it as filter=..."):
        loaded = Augmenter.load(tmp_path / "saved")
    assert same(fitted, loaded)
    assert same(one, Augmenter.load(tmp_path / "saved", filter=judge))


def test_the_warning_about_a_filter_names_the_callers_line(fitted, tmp_path):
    fitted.using(filter=Confident(lambda x: x)).save(tmp_path / "saved")
    with pytest.warns(UserWarning, match="had a filter") as warned:
        Augmenter.load(tmp_path / "saved")
    assert warned[0].filename == __file__


def test_the_model_card_describes_the_folder(fitted, folder, tmp_path, monkeypatch):
    text = (folder / "README.md").read_text()
    for fact in (
        "this folder contains the real training samples",
        "has all 120 of them",
        "| 7 | 12 |",
        "| shape of a sample | 1 x 8 x 8 |",
        "| latent dimension | 4 |",
        "| perturbation | `Interpolate(scale=0.7, neighbours=3)` |",
        f"| written by | vaeaug {vaeaug.__version__} |",
    ):
        assert fact in text
    assert "Not in this folder" not in text
    monkeypatch.chdir(folder)
    names = {}
    exec(text.split("```python\n")[1].split("```")[0], names)
    assert torch.equal(names["x"], fitted.generate(64, seed=0).x)


def test_the_model_card_lists_what_is_not_saved(digits, tmp_path):
    data = Samples(digits.x[digits.y < 2], digits.y[digits.y < 2], ("shirt | coat", "zwölf"))
    one = Augmenter(own_vae(), perturb=Mine(), filter=Confident(lambda x: x)).fit(data)
    one.save(tmp_path)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| shirt \\| coat | 12 |\n| zwölf | 12 |" in text
    assert 'load(".", vae=vae, perturb=perturb, filter=filter)' in text
    assert "- `vae`: a `Adapted`\n- `perturb`: a `Mine`\n- `filter`: a `Confident`\n" in text
    assert "| perturbation | `Mine(...)` |" in text


FORMAT_1 = Path(__file__).parent / "data" / "format-1"


@pytest.fixture
def old_folder(tmp_path):
    return Path(shutil.copytree(FORMAT_1 / "augmenter", tmp_path / "old"))


def test_a_folder_of_format_1_gives_the_same_samples(old_folder):
    expected = json.loads((FORMAT_1 / "expected.json").read_text())
    augmenter = Augmenter.load(old_folder)
    assert augmenter.perturb == Difference(0.7, pairs_from="any_class")
    generated = augmenter.generate(6, seed=0)
    assert generated.x.flatten(1).double().sum(1).tolist() == pytest.approx(expected["x"], rel=1e-4)
    assert (generated.y.tolist(), generated.parent.tolist()) == (expected["y"], expected["parent"])
    augmenter.save(old_folder)
    assert json.loads((old_folder / "config.json").read_text())["version"] == 2
    assert same(augmenter, Augmenter.load(old_folder))


@pytest.mark.parametrize(("old", "new"), [("same", "own_class"), ("any", "any_class"), ("shrunk", "shrunk")])
def test_pairs_of_format_1(old_folder, old, new):
    edit(old_folder, lambda c: c["augmenter"]["perturb"]["fields"].update(donors=old))
    assert Augmenter.load(old_folder).perturb == Difference(0.7, pairs_from=new)


def test_pseudo_labelled_samples_of_format_1(old_folder):
    path = old_folder / "bank.safetensors"
    tensors, _ = files.load_tensors(path, "bank")
    donors = {"x": tensors["x"][:2] / 2, "owner": torch.tensor([3, 5]), "confidence": torch.tensor([0.5, 0.75])}
    donors |= {name: tensors[name][:2].clone() for name in ("mean", "stddev")}
    files.save_tensors(path, tensors | {f"donors.{name}": t for name, t in donors.items()}, "bank", {})
    pseudo_labelled = Augmenter.load(old_folder).bank_.pseudo_labelled
    assert torch.equal(pseudo_labelled.x, donors["x"])
    assert pseudo_labelled.parent_index.tolist() == [3, 5]
    assert pseudo_labelled.confidence.tolist() == [0.5, 0.75]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            lambda c: c["augmenter"]["perturb"]["fields"].update(uniform=False),
            "random length, got uniform=False, which is",
        ),
        (lambda c: c["augmenter"].pop("keep"), "invalid content .*keep"),
        (lambda c: c["augmenter"]["perturb"]["fields"].update(donors="rich"), "invalid content .*rich"),
    ],
)
def test_what_cannot_be_read_of_format_1_is_refused(old_folder, change, match):
    edit(old_folder, change)
    with pytest.raises(InputError, match=match):
        Augmenter.load(old_folder)


def test_a_folder_of_any_name_is_replaced(fitted, tmp_path):
    for name in ("old", "new"):
        for _ in range(2):
            fitted.save(tmp_path / name)
        assert same(fitted, Augmenter.load(tmp_path / name))
