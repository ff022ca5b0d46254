"""An augmenter on the Hugging Face Hub."""

import sys

import pytest
import same_samples
import torch
from own_parts import Mine, own_vae

from vaeaug import Augmenter, InputError, Interpolate


def same(a, b):
    return same_samples.same(*(augmenter.generate(300, seed=5) for augmenter in (a, b)))


@pytest.fixture
def hub():
    pytest.importorskip("huggingface_hub", reason="needs the extra hub")
    return pytest.importorskip("vaeaug.plugins.hub")


@pytest.fixture(scope="module")
def shared(digits):
    hub = pytest.importorskip("vaeaug.plugins.hub", reason="needs the extra hub")
    augmenter = hub.HubAugmenter(perturb=Interpolate(0.7, neighbours=3))
    return augmenter.fit(digits, steps=30, latent_dim=4, progress=False)


def test_using_and_subset_stay_on_the_hub(hub, shared):
    assert isinstance(shared.using(perturb=Mine()), hub.HubAugmenter)
    assert isinstance(shared.subset(torch.arange(60)), hub.HubAugmenter)
    assert shared.using(perturb=Mine()).perturb == Mine()


def test_hub_in_a_local_folder(hub, shared, tmp_path):
    for _ in range(2):  # the second call replaces the first folder
        assert shared.save_pretrained(tmp_path / "saved") is None
    loaded = hub.HubAugmenter.from_pretrained(tmp_path / "saved")
    assert isinstance(loaded, hub.HubAugmenter)
    assert loaded.perturb == shared.perturb
    assert same(shared, loaded)
    assert same(shared, Augmenter.load(tmp_path / "saved"))
    assert sorted(p.name for p in (tmp_path / "saved").iterdir())[0] == "README.md"


def test_from_pretrained_accepts_parts_of_your_own(hub, shared, digits, tmp_path):
    augmenter = hub.HubAugmenter(own_vae(), perturb=Mine()).fit(digits)
    augmenter.save_pretrained(tmp_path / "saved")
    loaded = hub.HubAugmenter.from_pretrained(tmp_path / "saved", vae=own_vae(), perturb=Mine())
    assert same(augmenter, loaded)


def test_the_old_name_of_the_filter_is_refused(hub, shared, tmp_path):
    shared.save_pretrained(tmp_path / "saved")
    for make in (hub.HubAugmenter, lambda **old: hub.HubAugmenter.from_pretrained(tmp_path / "saved", **old)):
        with pytest.raises(InputError, match="expected the argument filter, got keep=3; keep is now called filter"):
            make(keep=3)


def test_foreign_folders_are_never_overwritten(shared, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="which is of something else"):
        shared.save_pretrained(tmp_path)
    assert (tmp_path / "config.json").read_text() == "{}"


def test_from_pretrained_reads_the_cache(hub, shared, tmp_path):
    """The files of a download are written here by hand; huggingface_hub reads them without the network."""
    repo, commit = tmp_path / "models--me--digits", "0" * 40
    shared.save(repo / "snapshots" / commit)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    loaded = hub.HubAugmenter.from_pretrained("me/digits", cache_dir=tmp_path, local_files_only=True)
    assert same(shared, loaded)


def test_push_is_private_and_complete(shared, tmp_path, monkeypatch):
    """Tests have no network: a stand-in for the Hub records the calls."""
    calls = {}

    class Api:
        def __init__(self, token=None):
            pass

        def create_repo(self, repo_id, private, exist_ok):
            calls.update(private=private)
            return type("Repo", (), {"repo_id": repo_id})

        def upload_folder(self, folder_path, repo_id, **_):
            calls.update(repo=repo_id, augmenter=Augmenter.load(folder_path))
            return "url"

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Api)
    assert shared.save_pretrained(tmp_path / "saved", push_to_hub=True, repo_id="me/digits") == "url"
    assert (calls["private"], calls["repo"]) == (True, "me/digits")
    for private, expected in {None: True, True: True, False: False}.items():
        shared.push_to_hub("me/digits", private=private)
        assert calls["private"] is expected
    assert same(shared, calls["augmenter"])


def test_the_model_card_is_one_for_the_hub(shared, tmp_path):
    from huggingface_hub import ModelCard

    shared.save(tmp_path / "saved")
    card = ModelCard.load(tmp_path / "saved" / "README.md")
    assert card.data.library_name == "vaeaug"
    assert "data-augmentation" in card.data.tags


def test_without_huggingface_hub(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delitem(sys.modules, "vaeaug.plugins.hub", raising=False)
    with pytest.raises(ImportError, match=r"needs huggingface_hub; install it with pip install 'vaeaug\[hub\]'"):
        import vaeaug.plugins.hub  # noqa: F401
