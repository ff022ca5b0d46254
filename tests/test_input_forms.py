"""Values and images mean the same in every form of input: arrays, frames, lists, loaders, files, `near`, `unlabelled`."""

import os
import random
import re
import warnings
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from own_parts import Items
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from vaeaug import Augmenter, InputError, fit_vae
from vaeaug.data import ImageFolder, Samples, Scaling, as_samples, load, read_images, read_unlabelled, subset
from vaeaug.models.spaces import Identity

N = 12
Y = np.arange(N) % 2
ROWS = np.random.default_rng(0).normal(size=(N, 3)).round(3)


def pairs(x):
    return Items(list(zip(x, Y.tolist(), strict=True)))


# Arrays of numbers in any form.

NUMBERS = {
    "array": ROWS,
    "big-endian": ROWS.astype(">f8"),
    "Fortran order": np.asfortranarray(ROWS),
    "negative strides": np.flip(np.flip(ROWS, (0, 1)).copy(), (0, 1)),
    "read-only": np.broadcast_to(ROWS, ROWS.shape),
    "long doubles": ROWS.astype(np.longdouble),
    "objects": ROWS.astype(object),
    "nested lists": ROWS.tolist(),
    "list of arrays": list(ROWS),
    "list of tensors": [torch.as_tensor(row) for row in ROWS],
    "a mask that masks nothing": np.ma.masked_equal(ROWS, -999.0),
    "needs a gradient": torch.tensor(ROWS, requires_grad=True),
    "frame": pd.DataFrame(ROWS, columns=list("abc")),
    "nullable frame": pd.DataFrame(ROWS, columns=list("abc")).astype("Float64"),
    "sparse frame": pd.DataFrame(ROWS, columns=list("abc")).astype(pd.SparseDtype(float)),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_in_any_form_are_the_same_samples(kind, random_state_untouched):
    expected = torch.as_tensor(ROWS).float()
    x = NUMBERS[kind]
    assert torch.equal(as_samples(x, y=Y).x, expected)
    like = as_samples(ROWS, y=Y)
    assert torch.equal(read_unlabelled(x, like), expected)
    assert torch.equal(read_unlabelled((x, Y), like), expected)
    items = list(x.to_numpy() if hasattr(x, "iloc") else x)
    for form in (
        pairs(items),
        DataLoader(pairs(items), batch_size=5, collate_fn=lambda b: tuple(zip(*b, strict=True))),
    ):
        assert torch.equal(as_samples(form).x, expected)
        assert torch.equal(read_unlabelled(form, like), expected)


def masked(x):
    return np.ma.masked_greater(x, 1.0)


REFUSED = {
    "masked": (masked(ROWS), "values that are all there in .*, got [0-9]+ masked values; drop or impute"),
    "list of masked": (list(masked(ROWS)), "values that are all there"),
    "complex": (ROWS + 1j, "real numbers in .*, got dtype complex128; pass its parts"),
    "complex tensor": (torch.as_tensor(ROWS + 1j), "real numbers in .*, got dtype complex128"),
    "sparse tensor": (torch.as_tensor(ROWS).to_sparse(), r"a dense tensor, got .*; pass .*\.to_dense\(\)"),
    "sparse array": (sp.csr_array(ROWS), r"a dense array, got a sparse csr_array; pass .*\.toarray\(\)"),
    "sparse matrix": (sp.coo_matrix(ROWS), r"a dense array, got a sparse coo_matrix; pass .*\.toarray\(\)"),
    "no values": (torch.empty(N, 3, device="meta"), "numbers in .*, got a tensor on the device 'meta'"),
    "words": (ROWS.astype(str), "numbers in .*, got dtype <U"),
    "dates": (np.zeros((N, 3), "datetime64[s]"), "numbers in .*, got dtype datetime64"),
    "records": (np.zeros(N, [("a", float)]), "numbers in .*, got dtype"),
    "ragged": ([[1, 2, 3], [1, 2]] * 6, "samples of one shape in .*, got samples of several shapes"),
    "ragged objects": (np.array([[1, 2], [1]] * 6, dtype=object), "samples of one shape"),
    "None": (np.where(ROWS > 1, None, ROWS), "numbers in .*, got dtype object"),
    "a number": (np.float64(3), "one sample per row|a single number|of shape"),
    "no features": (np.empty((N, 0)), "at least one feature|of shape"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_dense_real_numbers_is_refused(kind):
    x, message = REFUSED[kind]
    like = as_samples(ROWS, y=Y)
    fitted = Augmenter().fit(like, steps=1, progress=False)
    for use in (
        lambda: as_samples(x, y=Y),
        lambda: as_samples((x, Y)),
        lambda: read_unlabelled(x, like),
        lambda: fitted.generate(2, near=x),
    ):
        with pytest.raises(InputError, match=message):
            use()


# Frames keep the names and the types of their columns.


def test_a_frame_keeps_the_names_and_types_of_its_columns():
    frame = pd.DataFrame(
        {
            "a": ROWS[:, 0],
            "flag": ROWS[:, 1] > 0,
            "count": pd.array(np.arange(N) % 5, dtype="Int64"),
            "maybe": pd.array(ROWS[:, 1] > 0, dtype="boolean"),
            "old": pd.Series(np.arange(N) % 3, dtype=object),
            3: np.float32(ROWS[:, 2]),
        }
    )
    samples = as_samples(frame, y=pd.Series(Y, name="kind"))
    assert samples.columns == ("a", "flag", "count", "maybe", "old", "3", "kind")
    assert (samples.integer_columns, samples.boolean_columns) == ((1, 2, 3, 4), (1, 3))
    assert np.array_equal(samples.x.numpy(), frame.astype(np.float32).to_numpy())
    assert samples[3:5].integer_columns == samples.copy().integer_columns == samples.integer_columns
    for x, integers, booleans in ((ROWS, (), ()), (ROWS > 0, (0, 1, 2), (0, 1, 2)), (ROWS.astype(int), (0, 1, 2), ())):
        samples = as_samples(x, y=Y)
        assert (samples.integer_columns, samples.boolean_columns) == (integers, booleans)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([1.0, np.inf] * 6, "finite numbers in x"),
        (pd.to_datetime(["2021-01-01"] * 12), "numbers or categories in column 'b' of x, got dates or times"),
        (ROWS[:, 0] + 1j, "numbers, words or truth values in column 'b' of x, got dtype complex128"),
    ],
)
def test_a_column_that_is_no_numbers_is_named(column, message):
    with pytest.raises(InputError, match=message):
        as_samples(pd.DataFrame({"a": ROWS[:, 0], "b": column}), y=Y)


@pytest.mark.parametrize("column", [["x", "y"] * 6, [1.0, np.nan] * 6], ids=["words", "gaps"])
def test_a_table_like_numbers_has_numbers_alone(column):
    augmenter = Augmenter(Identity()).fit(pd.DataFrame({"a": ROWS[:, 0], "b": ROWS[:, 1]}), Y)
    with pytest.raises(InputError, match="numbers in column 'b' of near, got"):
        augmenter.generate(2, near=pd.DataFrame({"a": ROWS[:, 0], "b": column}))


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(InputError, match="a name of its own for every column of x, got two columns 'a'; rename"):
        as_samples(pd.DataFrame(ROWS, columns=list("aba")), y=Y)


# One column or pixel does not silence the others.


def test_the_scaling_of_a_narrow_column_is_its_own():
    seconds = 1.7e9 + np.linspace(0, 3600, 200)
    x = np.stack([np.random.default_rng(0).normal(size=200), seconds, np.full(200, 7.0)], axis=1)
    with pytest.warns(
        UserWarning, match="column 'time' has values from 1700000000 to 1700003600, which float32 rounds"
    ):
        samples = as_samples(pd.DataFrame(x, columns=["a", "time", "same"]), y=np.arange(200) % 2)
    scaling = Scaling.fit(samples.x)
    u = (samples.x - torch.tensor(scaling.offset)) / torch.tensor(scaling.gain)
    assert u.std(0, correction=0).tolist() == pytest.approx([1, 1, 0], abs=0.05)
    assert u.mean(0).tolist() == pytest.approx([0, 0, 0], abs=0.1)
    assert scaling.gain[2] == 1.0
    tiny = torch.tensor(ROWS).float() * 1e-20
    assert Scaling.fit(tiny).gain == pytest.approx(tiny.double().std(0, correction=0).tolist(), rel=1e-4)
    huge = torch.tensor(ROWS).float() * 1e37
    assert all(map(np.isfinite, Scaling.fit(huge).gain))


@pytest.mark.parametrize("value", [-9999.0, 1e6, -999.0])
@pytest.mark.parametrize("form", ["array", "frame", "loader", "stream", "unlabelled"])
def test_a_far_value_is_named(value, form):
    x = np.random.default_rng(0).normal(50, 10, size=(60, 3))
    y, odd = np.arange(60) % 2, x.copy()
    odd[[7, 30], 1] = value
    name = "column 'b'" if form == "frame" else r"column 1 \(from 0\)"
    fits = {
        "array": lambda a: a.fit(odd, y, steps=1, progress=False),
        "frame": lambda a: a.fit(pd.DataFrame(odd, columns=list("abc")), y, steps=1, progress=False),
        "loader": lambda a: a.fit(
            DataLoader(TensorDataset(torch.tensor(odd), torch.tensor(y)), 7), steps=1, progress=False
        ),
        "stream": lambda a: a.fit(
            DataLoader(TensorDataset(torch.tensor(odd), torch.tensor(y)), 7), bank_size=60, steps=1, progress=False
        ),
        "unlabelled": lambda a: a.fit(x, y, unlabelled=odd, steps=1, progress=False),
    }
    with pytest.warns(
        UserWarning, match=rf"{name}: the value {re.escape(f'{value:g}')}, in \d+ of \d+ samples, lies far from"
    ):
        fits[form](Augmenter())


@pytest.mark.parametrize("value", [-9999.0, 1e4, 1e20])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_far_pixel_is_named(value, streamed):
    x = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    x[3, 0, 2, 5] = value
    data, settings = TensorDataset(x, torch.arange(40) % 2), {"bank_size": 30} if streamed else {}
    with pytest.warns(
        UserWarning, match=rf"the value {re.escape(f'{value:g}')}, in 1 of \d+ samples, lies far from almost"
    ):
        Augmenter().fit(DataLoader(data, 9), **settings, steps=1, progress=False)


@pytest.mark.parametrize("name", ["wine", "breast-cancer", "digits"])
def test_ordinary_data_cause_no_warning(name):
    samples = load(name)
    for n in (5, 20):
        Scaling.fit(subset(samples, n).x)  # warnings are errors here
    x = samples.x
    if x.ndim == 2:
        stddev = x.std(0, correction=0)
        assert Scaling.fit(x).gain == tuple(torch.where(x.amin(0) < x.amax(0), stddev, 1.0).tolist())


# Loaders and streams.


class Stream(IterableDataset):
    def __iter__(self):
        return iter([(torch.rand(3), i % 2) for i in range(N)])


def test_a_loader_is_read_in_an_order_that_the_seed_decides(random_state_untouched):
    data = TensorDataset(torch.tensor(ROWS).float(), torch.tensor(Y))
    banks = []
    for seed, state in ((0, 1), (0, 2), (1, 1)):
        random.seed(state)
        np.random.seed(state)
        before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
        loader = DataLoader(data, batch_size=4, shuffle=True)
        banks.append(Augmenter().fit(loader, unlabelled=loader, seed=seed, steps=1, progress=False).bank_.samples.x)
        assert random.getstate() == before[0]
        assert np.random.get_state()[1].tolist() == before[1]
        assert torch.equal(torch.get_rng_state(), before[2])
    assert torch.equal(banks[0], banks[1])
    assert not torch.equal(banks[0], banks[2])


class Noisy(Items):
    def __getitem__(self, i):
        return torch.rand(3) + np.random.rand() + random.random(), i % 2


def test_transforms_that_draw_from_global_generators_follow_the_seed():
    first, again = (as_samples(DataLoader(Noisy(range(N)), batch_size=4), seed=3).x for _ in range(2))
    assert torch.equal(first, again)


def test_a_stream_that_is_iterable_only_is_refused_with_the_remedy():
    class NoLength(Dataset):
        def __getitem__(self, i):
            return torch.zeros(3), 0

    message = (
        r"a Dataset with a length, or a DataLoader, got .*, which is iterable only; pass DataLoader\(dataset, batch"
    )
    for data in (Stream(), NoLength()):
        for fit in (
            lambda d: Augmenter().fit(d),
            lambda d: Augmenter().fit(d, bank_size=4),
            lambda d: Augmenter().fit(ROWS, Y, unlabelled=d),
            lambda d: fit_vae(d),
            as_samples,
        ):
            with pytest.raises(InputError, match=message):
                fit(data)
    assert len(as_samples(DataLoader(Stream(), batch_size=4))) == N


def test_an_endless_loader_is_refused_before_memory_goes(monkeypatch):
    class Endless(IterableDataset):
        def __iter__(self):
            while True:
                yield torch.zeros(1000), 0

    for module in ("runtime.limits", "data.loaders"):
        monkeypatch.setattr(f"vaeaug.{module}.memory_limit", lambda: 1e6)
    with pytest.raises(
        InputError, match=r"\d+ samples or more to fit into 0\.0 GiB of memory, got .*; pass bank_size= to fit"
    ):
        Augmenter().fit(DataLoader(Endless(), batch_size=10))


FIELDS = {
    "labels": lambda x, y: {"pixel_values": x, "labels": y, "id": "a"},
    "exact name": lambda x, y: {"x": x, "coarse_label": 0, "label": y},
    "upper case": lambda x, y: {"X": x, "Target": y, "mask": x[:1]},
    "frozen": lambda x, y: MappingProxyType({"image": x, "y": y}),
    "annotations": lambda x, y: (x, {"labels": y, "boxes": [[0, 1]]}),
    "more fields": lambda x, y: (x, y, "name", {"label": 3}),
}


@pytest.mark.parametrize("form", ["dataset", "loader", "stream"])
@pytest.mark.parametrize("kind", FIELDS)
def test_fields_of_items_and_batches_are_found_by_one_rule(kind, form):
    x = torch.tensor(ROWS).float()
    item = FIELDS[kind]
    data = Items([item(a, int(b)) for a, b in zip(x, Y, strict=True)])
    if form == "dataset":
        samples = as_samples(data)
    else:

        def collate(items):
            start = int(torch.nonzero((x == next(iter(_tensors(items[0])))[: x.shape[1]]).all(1))[0, 0])
            return item(x[start : start + len(items)], torch.tensor(Y[start : start + len(items)]))

        loader = DataLoader(data, batch_size=4, collate_fn=collate)
        if form == "loader":
            samples = as_samples(loader)
        else:
            samples = Augmenter().fit(loader, bank_size=N, steps=1, progress=False).bank_.samples
    assert torch.equal(samples.x, x)
    assert samples.y.tolist() == Y.tolist()


def _tensors(item):
    parts = item.values() if hasattr(item, "values") else item
    return [part for part in parts if isinstance(part, torch.Tensor) and len(part) == 3]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            {"x": torch.zeros(3), "fine_label": 0, "coarse_label": 1},
            "one field of labels, got 'fine_label' and 'coarse_la",
        ),
        ({"x": torch.zeros(3), "label": 0, "labels": 1}, "one field of labels, got 'label' and 'labels'; rename one"),
        ({"x": torch.zeros(3)}, r"labels in the item, got \{'x': Tensor\(3,\)\}; call the field 'label'"),
        (
            {"a": torch.zeros(3), "b": torch.zeros(3), "label": 0},
            "one field of samples, got .*; call the field of the sam",
        ),
        ({"label": 0, "name": "a"}, "one field of samples, got"),
        ((torch.zeros(3), {"boxes": 0}), "labels in the second part of the item"),
        (torch.zeros(3), r"items \(x, y\), got Tensor"),
        ("word", r"items \(x, y\), got str"),
    ],
)
def test_two_fields_that_could_be_meant_are_not_guessed(item, message):
    with pytest.raises(InputError, match=message):
        as_samples(Items([item] * 4))


def test_samples_of_several_shapes_in_a_loader_are_refused():
    batches = [(torch.zeros(2, 3), [0, 1]), (torch.zeros(2, 4), [0, 1])]
    with pytest.raises(InputError, match=r"samples of one shape, got \(3,\) and \(4,\); resize them"):
        as_samples(DataLoader(Items(batches), batch_size=None))


# Images.

GREY = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 10), dtype=np.uint8))
COLOUR = Image.merge("RGB", [GREY, GREY.rotate(180), GREY])
DEEP = Image.fromarray(np.random.default_rng(1).integers(0, 65536, (9, 10), dtype=np.uint16))


def turned(image, orientation):
    """Returns an image that a viewer shows as `image`, stored lying on its side."""
    stored = image.transpose({6: Image.Transpose.ROTATE_90, 3: Image.Transpose.ROTATE_180}[orientation])
    stored.getexif()[0x112] = orientation
    stored.info["exif"] = stored.getexif().tobytes()
    return stored


def transparent(image):
    out = image.convert("RGBA")
    out.putpixel((0, 0), (255, 0, 255, 0))
    return out


IMAGES = {
    "grey": (GREY, GREY),
    "colour": (COLOUR, COLOUR.rotate(180)),
    "grey beside colour": (GREY, COLOUR),
    "grey stored as colour": (GREY.convert("RGB"), GREY),
    "16 bits": (DEEP, DEEP),
    "16 bits beside colour": (DEEP, COLOUR),
    "on its side": (turned(COLOUR, 6), COLOUR),
    "upside down, 16 bits": (turned(DEEP, 3), DEEP),
    "transparent": (transparent(COLOUR), COLOUR),
    "transparent grey": (transparent(GREY).convert("LA"), GREY),
    "palette": (COLOUR.convert("P"), GREY),
    "one bit": (GREY.convert("1"), GREY),
    "CMYK": (COLOUR.convert("CMYK"), COLOUR),
}


def write(path, images, suffix="png"):
    """Writes the first image into the folder `a` and the second one into `b`."""
    for name, image in zip("ab", images, strict=True):
        (path / name).mkdir(parents=True)
        exif = {"exif": image.info["exif"]} if "exif" in image.info else {}
        image.save(path / name / f"0.{suffix if image.mode != 'CMYK' else 'tif'}", **exif)
    return path


@pytest.mark.parametrize("kind", IMAGES)
def test_images_are_the_same_in_every_form(kind, tmp_path):
    images = list(IMAGES[kind])
    samples = load(write(tmp_path / "folder", images))
    channels = samples.event_shape[0]
    forms = {
        "Dataset": as_samples(Items([(image, i) for i, image in enumerate(images)])).x,
        "list": as_samples((images, [0, 1])).x,
        "loader": as_samples(DataLoader(Items(list(zip(images, [0, 1], strict=True))), collate_fn=_as_lists)).x,
        "folder, one by one": torch.stack([x for x, _ in ImageFolder(tmp_path / "folder")]),
        "unlabelled list": read_unlabelled(images, samples),
        "unlabelled Dataset": read_unlabelled(Items(images), samples),
        "unlabelled folder": read_unlabelled(tmp_path / "folder", samples),
        "unlabelled folder of classes": read_unlabelled(str(tmp_path / "folder" / "a"), samples),
        "unlabelled loader": read_unlabelled(DataLoader(Items(images), collate_fn=list), samples),
        "files": torch.cat([_unit(read_images(file, channels)) for file in sorted(tmp_path.glob("folder/*/*"))]),
    }
    for form, x in forms.items():
        assert torch.equal(x, samples.x[: len(x)]), form
    bank = Samples(samples.x.repeat(2, 1, 1, 1), torch.tensor([0, 1, 0, 1]))
    fitted = Augmenter().fit(bank, steps=1, progress=False)
    near = fitted.using(filter=None).generate(2, near=images, labels=0, seed=0)
    assert torch.equal(near.x, fitted.generate(2, near=samples.x, labels=0, seed=0).x), "near"


def _as_lists(items):
    return [image for image, _ in items], [label for _, label in items]


def _unit(x):
    return x if x.is_floating_point() else x.float() / 255


def test_an_image_is_shown_upright_and_on_white(tmp_path):
    upright, white = (load(write(tmp_path / kind, IMAGES[kind])).x[0] for kind in ("on its side", "transparent"))
    expected = torch.tensor(np.array(COLOUR)).permute(2, 0, 1) / 255
    assert torch.equal(upright, expected)
    assert white[:, 0, 0].tolist() == [1, 1, 1]
    assert torch.equal(white[:, 1:], expected[:, 1:])


SYSTEM = (".DS_Store", "._0.png", ".ipynb_checkpoints/0.png", "@eaDir/0.png/THUMB.png", "__MACOSX/0.png", "Thumbs.db")


@pytest.mark.parametrize("place", ["", "a"])
@pytest.mark.parametrize("name", SYSTEM)
def test_what_systems_write_beside_images_is_left_out(name, place, tmp_path):
    path = write(tmp_path / "folder", (COLOUR, GREY))
    samples = load(path)
    file = path / place / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"nothing")
    for read in (load, as_samples):
        assert torch.equal(read(path).x, samples.x)
    assert ImageFolder(path).classes == ("a", "b")
    assert len(read_images(path / "a", 3)) == 1
    assert len(read_unlabelled(path, samples)) == 2
    assert len(read_unlabelled(path / "a", samples)) == 1
    assert (
        Augmenter().fit(DataLoader(Twice(path), batch_size=2), bank_size=4, steps=1, progress=False).bank_.samples.names
    )


class Twice(ImageFolder):
    """Reads every image of a folder twice, because a bank needs two samples of a class."""

    def __len__(self):
        return 2 * len(self.files)

    def __getitem__(self, i):
        x, y = super().__getitem__(i // 2)
        return torch.nn.functional.pad(x, (0, 0, 0, 0)), y


@pytest.mark.parametrize("suffix", ["gif", "jfif", "heic", "HEIC", "avif", "dng", "tga"])
def test_images_of_kinds_that_are_not_read_are_named(suffix, tmp_path):
    path = write(tmp_path / "folder", (COLOUR, GREY))
    for i in range(3):
        (path / "a" / f"more{i}.{suffix}").write_bytes(b"")
    like = Samples(torch.zeros(2, 3, 9, 10), torch.arange(2))
    for read in (load, ImageFolder, lambda p: read_unlabelled(p, like), lambda p: read_images(p / "a", 3)):
        with pytest.warns(
            UserWarning, match=rf"left out of '.*': 3 \.{suffix.lower()} \(kinds of images that are not read"
        ):
            read(path)


def test_images_outside_the_folders_are_named(tmp_path):
    path = write(tmp_path / "folder", (COLOUR, GREY))
    COLOUR.save(path / "loose.png")
    for read in (load, ImageFolder):
        with pytest.warns(UserWarning, match="left out of '.*': 1 images in no class folder"):
            read(path)
    with pytest.warns(UserWarning, match="left out of '.*': 2 images in folders inside it"):
        assert len(read_images(path, 3)) == 1
    assert len(read_unlabelled(path, Samples(torch.zeros(2, 3, 9, 10), torch.arange(2)))) == 3


def test_pages_beyond_the_first_are_named(tmp_path):
    path = write(tmp_path / "folder", (GREY, GREY), "tif")
    GREY.save(path / "a" / "0.tif", save_all=True, append_images=[GREY, GREY])
    for read in (load, lambda p: read_images(p / "a", 1)):
        with pytest.warns(UserWarning, match=r"some \.tif files have several pages or frames; only the first is read"):
            read(path)


# Links, pipes and devices.


def test_links_are_read_once_and_never_round_and_round(tmp_path):
    path = write(tmp_path / "folder", (COLOUR, GREY))
    samples = load(path)
    outside = tmp_path / "outside"
    outside.mkdir()
    GREY.save(outside / "1.png")
    (path / "b" / "more").symlink_to(outside, target_is_directory=True)
    linked = load(path)
    assert linked.counts == [1, 2], "a link to another folder is followed"
    (path / "b" / "more").unlink()
    (path / "a" / "loop").symlink_to(path, target_is_directory=True)
    (path / "a" / "itself").symlink_to(path / "a" / "itself")
    assert torch.equal(load(path).x, samples.x)
    (path / "again").symlink_to(path, target_is_directory=True)
    with pytest.warns(UserWarning, match="left out of '.*': 'again', a link to a folder that it is in"):
        assert torch.equal(load(path).x, samples.x)
    (path / "again").unlink()
    (path / "a" / "copy.png").symlink_to(path / "a" / "0.png")
    for read in (load, ImageFolder):
        with pytest.warns(UserWarning, match="1 links to images that were read already"):
            assert len(read(path)) == 2
    with pytest.warns(UserWarning, match="1 links to images that were read already"):
        assert len(read_images(path / "a", 3)) == 1
    (path / "a" / "copy.png").unlink()


@pytest.mark.parametrize("kind", ["file", "folder", "class"])
def test_one_image_in_two_classes_is_refused(kind, tmp_path):
    path = write(tmp_path / "folder", (COLOUR, GREY))
    link, target = {"file": ("b/1.png", "a/0.png"), "folder": ("b/more", "a"), "class": ("c", "a")}[kind]
    (path / link).symlink_to(path / target, target_is_directory=kind != "file")
    for read in (load, ImageFolder):
        with pytest.raises(
            InputError, match=r"every image in one class, got '.*' and '.*', which are one file; remove"
        ):
            read(path)


@pytest.mark.parametrize("name", ["0.png", "data.csv", "data.npz"])
def test_pipes_are_refused_and_never_waited_for(name, tmp_path):
    path = write(tmp_path / "folder", (COLOUR, GREY))
    pipe = path / "a" / name
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    like = Samples(torch.zeros(2, 3, 9, 10), torch.arange(2))
    rows = as_samples(ROWS, y=Y)
    if name == "0.png":
        reads = [lambda: load(path), lambda: ImageFolder(path), lambda: read_images(pipe, 3)]
        reads += [lambda: read_unlabelled(pipe, like), lambda: read_unlabelled(path, like)]
    else:
        reads = [lambda: load(pipe), lambda: read_unlabelled(pipe, rows)]
    for read in reads:
        with pytest.raises(InputError, match="which is a pipe or a device; pass a file"):
            read()


def test_a_device_is_refused(tmp_path):
    (tmp_path / "x.png").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="which is a pipe or a device"):
        read_images(tmp_path / "x.png", 1)


def test_names_that_are_not_utf_8_are_refused(tmp_path):
    path = write(tmp_path / "folder", (COLOUR, GREY))
    (path / "a").rename(os.fsdecode(os.fsencode(path) + b"/gr\xf6n"))
    for read in (load, ImageFolder):
        with pytest.raises(InputError, match=r"names in UTF-8, got .*; rename the file or folder"):
            read(path)


@pytest.mark.parametrize("size", [7, 200_000, 10**13, 8.5, "32"])
def test_sizes_are_checked_before_an_image_is_read(size, tmp_path):
    path = write(tmp_path / "folder", (COLOUR, GREY))
    for read in (
        lambda: load(path, size=size),
        lambda: ImageFolder(path, size),
        lambda: read_images(path / "a", 3, size),
    ):
        with pytest.raises(InputError, match="size to be a whole number from 8 to 20000"):
            read()


def test_more_images_than_memory_holds_are_refused_in_words(monkeypatch, tmp_path):
    path = write(tmp_path / "folder", (COLOUR, GREY))
    monkeypatch.setattr("vaeaug.runtime.limits.memory_limit", lambda: 2.0**20)
    for read in (lambda: load(path, size=4000), lambda: read_images(path / "a", 3, 4000)):
        with pytest.raises(
            InputError, match=r"images of .* to fit into 0\.0 GiB of memory, got 0\.\d GiB; pass a smaller size"
        ):
            read()
    assert len(load(path, size=16)) == 2


# Unlabelled samples.


def test_every_unlabelled_sample_counts(digits, tmp_path):
    few, pool = subset(digits, 4), digits.x[:30]
    flat = few.x.flatten(1)
    forms = {
        "tensor": pool,
        "list": list(pool),
        "tuple": tuple(pool),
        "list without channels": list(pool[:, 0].numpy()),
        "array without channels": pool[:, 0].numpy(),
        "nested lists": pool.tolist(),
        "pair": (pool, torch.zeros(30)),
        "pair of two lists": (list(pool), [0] * 30),
        "Samples": digits[torch.arange(30)],
        "Dataset of samples": Items(list(pool)),
        "Dataset of pairs": Items([(x, "ignored") for x in pool]),
        "Dataset of mappings": Items([{"image": x, "label": None} for x in pool]),
        "loader": DataLoader(TensorDataset(pool), batch_size=7),
        "loader of samples": DataLoader(list(pool), batch_size=7),
        "loader of arrays": DataLoader(Items(list(pool)), batch_size=7, collate_fn=lambda b: np.stack(b)),
        "loader of lists": DataLoader(Items(list(pool)), batch_size=7, collate_fn=list),
    }
    np.savez(tmp_path / "pool.npz", x=pool)
    forms["npz"] = tmp_path / "pool.npz"
    for name, form in forms.items():
        assert torch.equal(read_unlabelled(form, few), pool), name
    assert torch.equal(read_unlabelled([list(row) for row in flat.tolist()], as_samples(flat, y=few.y)), flat)
    two = pool[:2]
    assert torch.equal(read_unlabelled([two[0], two[1]], few), two), "two samples are no pair"
    with pytest.raises(InputError, match="at least one unlabelled sample, got none; leave unlabelled out"):
        read_unlabelled([], few)
    with pytest.raises(InputError, match=r"unlabelled of shape \(B, 1, 8, 8\), got \(30, 1, 4, 8\)"):
        read_unlabelled(pool[:, :, :4], few)


def test_warnings_are_shown_once(tmp_path):
    path = write(tmp_path / "folder", (COLOUR, GREY))
    (path / "a" / "more.gif").write_bytes(b"")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load(path)
    assert len(caught) == 1
