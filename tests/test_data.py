import numpy as np
import pytest
import torch
from conftest import needs_fashion
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

from vaeaug import InputError
from vaeaug.data import Samples, Scaling, as_samples, load, read_images, subset


def images(n=12, channels=1, side=8):
    return torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(0))


Y = torch.arange(12) % 3


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [("digits", (1, 8, 8), 10), ("breast-cancer", (30,), 2), ("wine", (13,), 3)],
)
def test_embedded_sets(name, shape, classes):
    samples = load(name)
    assert samples.event_shape == shape
    assert len(samples.counts) == classes == len(samples.names)
    assert samples.x.dtype == torch.float32
    assert min(samples.counts) > 0


@needs_fashion
def test_fashion_mnist_has_its_official_training_and_test_set():
    train, test = load("fashion-mnist"), load("fashion-mnist", train=False)
    assert (len(train), len(test)) == (60000, 10000)
    assert set(train.counts) == {6000}
    assert train.names[0] == "T-shirt/top"
    assert train.x.max() == 1.0


def test_fashion_mnist_missing_names_both_remedies(monkeypatch, tmp_path):
    from torchvision.datasets import FashionMNIST

    from vaeaug.data import loading

    def offline(*args, **kwargs):
        raise RuntimeError("Error downloading")

    monkeypatch.setattr(loading, "DEBIAN_FASHION", tmp_path / "none")
    monkeypatch.setattr(FashionMNIST, "__init__", offline)
    with pytest.raises(InputError, match=r"apt-get install dataset-fashion-mnist.*torchvision's FashionMNIST"):
        load("fashion-mnist")


def test_every_form_gives_the_same_samples():
    x, y = images(), Y
    forms = [(x, y), (x.numpy(), y.numpy()), TensorDataset(x, y), DataLoader(TensorDataset(x, y), batch_size=5)]
    for form in forms:
        samples = as_samples(form)
        assert torch.equal(samples.x, x)
        assert torch.equal(samples.y, y)
    assert as_samples(samples) is samples


def test_uint8_is_scaled_and_floats_are_not():
    x = torch.arange(12 * 64, dtype=torch.float32).reshape(12, 1, 8, 8) % 256
    assert torch.equal(as_samples((x.byte(), Y)).x * 255, x)
    assert torch.equal(as_samples((x, Y)).x, x)


def test_grey_images_get_a_channel():
    assert as_samples((images()[:, 0], Y)).event_shape == (1, 8, 8)


def test_inputs_are_not_modified():
    x = images()
    before = x.clone()
    as_samples((x, Y))
    assert torch.equal(x, before)


def test_folder_keeps_grey_and_colour(tmp_path):
    for kind, channels in (("grey", 1), ("colour", 3)):
        for name in ("cat", "dog"):
            (tmp_path / kind / name).mkdir(parents=True)
            for i in range(2):
                pixels = np.random.default_rng(i).integers(0, 256, (9, 10, channels), dtype=np.uint8)
                Image.fromarray(pixels.squeeze()).save(tmp_path / kind / name / f"{i}.png")
        samples = load(tmp_path / kind)
        assert samples.event_shape == (channels, 9, 10)
        assert samples.names == ("cat", "dog")
        assert load(tmp_path / kind, size=16).event_shape == (channels, 16, 16)
    assert torch.equal(
        samples.x[0] * 255, torch.tensor(np.array(Image.open(tmp_path / "colour/cat/0.png"))).permute(2, 0, 1)
    )


def test_folder_of_different_sizes_is_refused(tmp_path):
    for name, side in (("a", 8), ("b", 9)):
        (tmp_path / name).mkdir()
        Image.new("L", (side, side)).save(tmp_path / name / "0.png")
    sizes = r"images of one size .*, got 8x8 \(.*a/0\.png\) and 9x9 \(.*b/0\.png\); resize them: for .*size=32.*--size"
    with pytest.raises(InputError, match=sizes):
        load(tmp_path)


def test_folder_without_class_folders_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected a folder with one folder of images per class"):
        load(tmp_path)


def test_npz_and_csv(tmp_path):
    x, y = images(channels=3).numpy(), Y.numpy()
    np.savez(tmp_path / "first.npz", x=x, y=y, names=np.array(["a", "b", "c"]))
    np.savez(tmp_path / "last.npz", x=x.transpose(0, 2, 3, 1), y=y)
    assert np.array_equal(load(tmp_path / "first.npz").x, load(tmp_path / "last.npz").x)
    assert load(tmp_path / "first.npz").names == ("a", "b", "c")

    (tmp_path / "table.csv").write_text("kind,a,b\nred,1,2\nblue,3,4\nred,5,6\n")
    samples = load(tmp_path / "table.csv", label_column="kind")
    assert samples.names == ("blue", "red")
    assert samples.y.tolist() == [1, 0, 1]
    assert samples.x.tolist() == [[1, 2], [3, 4], [5, 6]]
    with pytest.raises(InputError, match="expected a column 'sort'"):
        load(tmp_path / "table.csv", label_column="sort")
    (tmp_path / "words.csv").write_text("a,y\n1,0\n2,1\nx,0\n")
    with pytest.raises(InputError, match=r"numbers in every column .*, got 'x' in line 4, column 'a'; correct it"):
        load(tmp_path / "words.csv")
    (tmp_path / "empty.csv").write_text("a,y\n")
    with pytest.raises(InputError, match="expected a header and data"):
        load(tmp_path / "empty.csv")


def test_npz_never_unpickles(tmp_path):
    np.savez(tmp_path / "evil.npz", x=np.array([{}], dtype=object), y=np.array([0]))
    with pytest.raises(InputError, match=r"arrays x and y of numbers.*allow_pickle"):
        load(tmp_path / "evil.npz")


def test_unknown_source():
    with pytest.raises(InputError, match=r"expected one of digits, .* got 'nothing\.txt'; check the name"):
        load("nothing.txt")


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (images()[:0], Y[:0], "expected at least one sample, got none"),
        (images(), Y[:5], "as many samples as labels, got 12 samples and 5 labels"),
        (images(), Y + 0.5, "expected whole-number labels, got float32 labels; map them"),
        (images(), np.array([1j] * 12), "expected whole-number labels, got complex128 labels; map them"),
        (images(), Y - 1, "expected labels in 0 or more, got labels from -1 to 1"),
        (images(), torch.ones(12, 3).long(), r"expected labels of shape \(B,\), or one 1 per row, got shape \(12, 3\)"),
        (
            torch.where(images() > 0.99, torch.nan, images()),
            Y,
            r"finite numbers in x, got NaN or infinity in \d+ of 12",
        ),
        (images(side=7), Y, "expected images of at least 8x8, got 7x7"),
        (images(channels=3).permute(0, 2, 3, 1), Y, r"use x.transpose\(0, 3, 1, 2\)"),
        (images()[None], Y[:1], r"expected tabular data \(N, features\)"),
        (np.array(["a"] * 12), Y, "expected numbers in x, got dtype <U1"),
        (
            [images()[0], images(side=9)[0]],
            Y[:2],
            r"samples of one shape in x, got \(1, 8, 8\) and \(1, 9, 9\); resize",
        ),
        ([[1, 2], [3]], Y[:2], "expected samples of one shape in x, got samples of several shapes; resize"),
    ],
)
def test_bad_arrays(x, y, message):
    with pytest.raises(InputError, match=message):
        as_samples((x, y))


def test_x_and_y_as_two_arguments():
    assert torch.equal(as_samples(images(), y=Y).x, images())
    assert torch.equal(as_samples(list(images()), y=Y.tolist()).x, images())
    assert as_samples((images(), ["b", "a", "b"] * 4), names=("a", "b")).y.tolist() == [1, 0, 1] * 4
    with pytest.raises(
        InputError, match="expected X and y, or data with its labels in it, got TensorDataset and y; leave y"
    ):
        as_samples(TensorDataset(images(), Y), y=Y)
    with pytest.raises(InputError, match=r"a name or a path, got Tensor; pass the labels, too: \(X, y\)"):
        as_samples(images())


def test_a_class_is_called_by_its_name(tmp_path):
    samples = Samples(images(), Y, ("cat", "dog", "eel"))
    with pytest.raises(InputError, match=r"expected at least 5 samples of class 0 \(cat\), got 4; ask for fewer"):
        subset(samples, 5)
    with pytest.raises(InputError, match=r"labels in 0\.\.1 \(cat, dog\), got labels from 0 to 2; pass the names or"):
        as_samples((images(), Y), names=("cat", "dog"))


def test_bad_forms():
    with pytest.raises(InputError, match=r"expected .* a name or a path, got int"):
        as_samples(3)
    with pytest.raises(InputError, match=r"expected items \(x, y\), got Tensor"):
        as_samples(DataLoader(images(), batch_size=4))
    with pytest.raises(InputError, match="got an empty dataset"):
        as_samples(TensorDataset(images()[:0], Y[:0]))


def test_scaling_leaves_unit_images_alone():
    assert Scaling.fit(images()) == Scaling()


def test_scaling_is_inverted_exactly():
    x = torch.cat([torch.randn(50, 3, generator=torch.Generator().manual_seed(1)) * 7 + 3, torch.full((50, 1), 2.0)], 1)
    scaling = Scaling.fit(x)
    offset, gain = torch.tensor(scaling.offset), torch.tensor(scaling.gain)
    u = (x - offset) / gain
    assert torch.allclose(u[:, :3].std(0, correction=0), torch.ones(3), atol=1e-5)
    assert torch.allclose(u.mean(0), torch.zeros(4), atol=1e-5)
    assert torch.allclose(offset + gain * u, x, atol=1e-5)
    assert scaling.gain[3] == 1.0

    x = images() * 5 - 1
    scaling = Scaling.fit(x)
    assert (scaling.low, scaling.high) == ((x.min().item(),), (x.max().item(),))


def test_read_images(tmp_path):
    for i, side in enumerate((8, 8, 9)):
        Image.new("RGB", (side, side), (i, i, i)).save(tmp_path / f"{i}.png")
    assert read_images(tmp_path / "1.png", 1).tolist() == torch.ones(1, 1, 8, 8).tolist()
    with pytest.raises(InputError, match="expected images of one size"):
        read_images(tmp_path, 1)
    (tmp_path / "0.png").write_bytes(b"not an image")
    with pytest.raises(InputError, match="expected an image, got"):
        read_images(tmp_path / "0.png", 1)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="expected images, got none"):
        read_images(tmp_path / "none", 1)


def test_names_default_to_numbers():
    assert Samples(images(), Y).names == ("0", "1", "2")
