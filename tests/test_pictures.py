"""Pictures of every depth and form are read at their true brightness, or refused by name."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from vaeaug import InputError
from vaeaug.data import as_samples, load, read_images

DEEP = np.random.default_rng(0).integers(0, 65536, (9, 10), dtype=np.uint16)
GREY = Image.fromarray((DEEP >> 8).astype(np.uint8))
COLOUR = Image.merge("RGB", [GREY, GREY.rotate(180), GREY])


def png(image):
    file = BytesIO()
    image.save(file, "png")
    return file.getvalue()


def folder(path, **files):
    """Writes files, named `class__name` without the ending, under a path."""
    for name, what in files.items():
        place = path / f"{name.replace('__', '/')}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(what if isinstance(what, bytes) else png(what))
    return path


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bits_are_not_clipped(tmp_path, ending):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(DEEP).save(tmp_path / name / f"0.{ending}")
    exact = torch.tensor(DEEP.astype(np.float32) / 65535)
    assert torch.equal(load(tmp_path).x, exact.expand(2, 1, 9, 10))
    assert torch.equal(read_images(tmp_path / "a", 3), exact.expand(1, 3, 9, 10))
    assert load(tmp_path, size=16).event_shape == (1, 16, 16)


def test_sixteen_bits_beside_eight(tmp_path):
    x = load(folder(tmp_path / "grey", a__0=Image.fromarray(DEEP), b__0=GREY)).x
    assert (x[0] - x[1]).abs().max() < 1 / 250
    x = load(folder(tmp_path / "colour", a__0=Image.fromarray(DEEP), b__0=COLOUR)).x
    assert x.shape == (2, 3, 9, 10)
    assert torch.equal(x[0], x[0, :1].expand(3, -1, -1))
    assert torch.equal(x[1] * 255, torch.tensor(np.array(COLOUR)).permute(2, 0, 1))


def test_resized_alike_at_every_depth(tmp_path):
    smooth = np.add.outer(np.arange(20), np.arange(20)).astype(np.uint16)
    deep, grey = Image.fromarray(smooth * 1285), Image.fromarray((smooth * 5).astype(np.uint8))
    x = load(folder(tmp_path, a__0=deep, b__0=grey), size=13).x
    assert (x[0] - x[1]).abs().max() < 1 / 250


def test_numbers_without_a_known_range_are_refused(tmp_path):
    message = r"expected images of 8 or 16 bits a channel, got mode {} with .* in '.*0\.tif'; save it with 8 or 16 bits"
    (tmp_path / "a").mkdir()
    for mode, numbers in (
        ("F", DEEP.astype(np.float32)),
        ("I", DEEP.astype(np.int32) * 2),
        ("I", -DEEP.astype(np.int32)),
    ):
        Image.fromarray(numbers).save(tmp_path / "a" / "0.tif")
        with pytest.raises(InputError, match=message.format(mode)):
            load(tmp_path)
    Image.fromarray(DEEP.astype(np.int32)).save(tmp_path / "a" / "0.tif")
    assert torch.equal(load(tmp_path).x[0, 0], torch.tensor(DEEP.astype(np.float32) / 65535))


def test_twelve_bits_in_sixteen_are_told(tmp_path):
    with pytest.warns(UserWarning, match=r"reach 6\.1% of white only; .* stretch them to 0\.\.65535 first"):
        load(folder(tmp_path, a__0=Image.fromarray(DEEP // 16)))


def test_every_mode_becomes_grey_or_colour(tmp_path):
    modes = {f"a__{mode}": COLOUR.convert(mode) for mode in ("1", "L", "LA", "P", "RGBA")}
    x = load(folder(tmp_path, **modes)).x
    assert x.shape == (5, 3, 9, 10)
    assert x[0].unique().tolist() == [0, 1]
    assert torch.equal(x[4] * 255, torch.tensor(np.array(COLOUR)).permute(2, 0, 1))


def test_hidden_files_and_folders_are_left_out(tmp_path):
    (tmp_path / "__MACOSX" / "cat").mkdir(parents=True)
    (tmp_path / "__MACOSX" / "cat" / "0.png").write_bytes(b"")
    hidden = {".ipynb_checkpoints__0": GREY, "cat__._0": b"", "cat__.trash__0": b""}
    samples = load(folder(tmp_path, cat__0=GREY, dog__0=GREY, dog__deeper__1=GREY, **hidden))
    assert (samples.names, samples.counts) == (("cat", "dog"), [1, 2])
    (tmp_path / "cat" / "._1.png").write_bytes(b"")
    assert len(read_images(tmp_path / "cat", 1)) == 1


def test_an_empty_class_folder_is_named(tmp_path):
    folder(tmp_path, cat__0=GREY)
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "0.gif").write_bytes(b"")
    message = (
        r"expected images in every class folder of '.*', got none in 'dog'; put images \(\.jpg, .*\) into it or take it"
    )
    with pytest.raises(InputError, match=message):
        load(tmp_path)


def test_a_folder_of_parts_is_no_folder_of_classes(tmp_path):
    folder(tmp_path, train__cat__0=GREY, train__dog__0=GREY, test__cat__0=GREY)
    with pytest.raises(
        InputError, match=r"with the folders test, train in it; pass one of these parts, '.*/train' say"
    ):
        load(tmp_path)
    with pytest.raises(
        InputError, match=r"got '.*' with 1 images and no folders in it; sort the images into one folder"
    ):
        load(tmp_path / "train" / "cat")


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"no picture", r", which is none"), (b"", ", which is none"), (png(GREY)[:-40], r" \(.*truncated")],
)
def test_a_broken_image_is_named(tmp_path, content, why):
    folder(tmp_path, cat__0=GREY, dog__bad=content)
    with pytest.raises(
        InputError, match=rf"expected an image, got '.*dog/bad\.png'{why}.*; mend the file or take it away"
    ):
        load(tmp_path)


def test_arrays_of_pil_images():
    x = as_samples(([GREY, GREY], [0, 1])).x
    assert torch.equal(x * 255, torch.tensor(np.array(GREY)).expand(2, 1, 9, 10))

    class Pil(torch.utils.data.Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            return Image.fromarray(DEEP) if i else GREY.convert("1"), i

    x = as_samples(Pil()).x
    assert x[0].unique().tolist() == [0, 1]
    assert torch.equal(x[1, 0], torch.tensor(DEEP.astype(np.float32) / 65535))


def test_bytes_of_zero_and_one_are_not_divided_by_255():
    x = torch.tensor(DEEP.astype(np.int64) % 2).expand(4, 9, 10)
    with pytest.raises(
        InputError, match=r"uint8 images in 0\.\.255, got values of 0 and 1 alone; pass floats in 0\.\.1"
    ):
        as_samples((x.byte(), [0, 0, 1, 1]))
    assert torch.equal(as_samples((x.bool(), [0, 0, 1, 1])).x, x[:, None].float())
