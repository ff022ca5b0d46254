"""Images of every depth and mode are read at their true brightness, or refused by name."""

import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from vaeaug import InputError
from vaeaug.data import ImageFolder, as_samples, images, load, read_images

DEEP = np.random.default_rng(0).integers(0, 65536, (9, 10), dtype=np.uint16)
GREY = Image.fromarray((DEEP >> 8).astype(np.uint8))
COLOUR = Image.merge("RGB", [GREY, GREY.rotate(180), GREY])


def png(image):
    file = BytesIO()
    image.save(file, "png")
    return file.getvalue()


def folder(path, **contents):
    """Writes images or bytes to `class/name.png` under a path; the arguments are called `class__name`."""
    for name, content in contents.items():
        file = path / f"{name.replace('__', '/')}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else png(content))
    return path


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_not_clipped(tmp_path, suffix):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(DEEP).save(tmp_path / name / f"0.{suffix}")
    exact = torch.tensor(DEEP.astype(np.float32) / 65535)
    assert torch.equal(load(tmp_path).x, exact.expand(2, 1, 9, 10))
    assert torch.equal(read_images(tmp_path / "a", 3), exact.expand(1, 3, 9, 10))
    assert load(tmp_path, size=16).event_shape == (1, 16, 16)


def test_images_of_sixteen_and_of_eight_bits(tmp_path):
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
    message = (
        r"expected images of 8 or 16 bits per channel, got mode {} with .* in '.*0\.tif'; save it with 8 or 16 bits"
    )
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


def test_twelve_bits_in_sixteen_are_a_warning(tmp_path):
    folder(tmp_path, a__0=Image.fromarray(DEEP // 16))
    for read in (load, as_samples):
        with pytest.warns(UserWarning, match=r"reach 6\.1% .* stretch them to 0\.\.65535 first") as warnings:
            read(tmp_path)
        assert warnings[0].filename == __file__, "the warning names the user's line, however deep the call"


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
    message = r"images in every class folder of '.*', got none in 'dog'; put images \(\.jpg, .*\) into it or remove it"
    with pytest.raises(InputError, match=message):
        load(tmp_path)


def test_a_folder_of_splits_is_no_folder_of_classes(tmp_path):
    folder(tmp_path, train__cat__0=GREY, train__dog__0=GREY, test__cat__0=GREY)
    with pytest.raises(
        InputError, match=r"with the folders test, train in it; pass one of them, for example '.*/train'"
    ):
        load(tmp_path)
    with pytest.raises(
        InputError, match=r"got '.*' with 1 images and no folders in it; sort the images into one folder"
    ):
        load(tmp_path / "train" / "cat")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"no picture", r", which is none"), (b"", ", which is none"), (png(GREY)[:-40], r" \(.*truncated")],
)
def test_a_broken_image_is_named(tmp_path, content, reason):
    folder(tmp_path, cat__0=GREY, dog__bad=content)
    with pytest.raises(
        InputError, match=rf"expected an image, got '.*dog/bad\.png'{reason}.*; repair or remove the file"
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


def test_suffixes_are_those_of_torchvision():
    from torchvision.datasets.folder import IMG_EXTENSIONS

    assert images.IMAGE_SUFFIXES == IMG_EXTENSIONS


def test_image_files_are_known_by_their_suffix(tmp_path):
    assert images.is_image_file("a/b.PNG")
    assert images.is_image_file(tmp_path / "c.pgm")
    assert not images.is_image_file("a/.b.png")
    assert not images.is_image_file("a/b.gif")


def test_a_pil_image_is_known_without_importing_pil():
    script = (
        "import sys; from vaeaug.data import images; assert not images.is_pil_image(3); assert 'PIL' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    assert images.is_pil_image(GREY)
    assert not images.is_pil_image(DEEP)


FOLDERS = {
    "grey": {"cat__0": GREY, "dog__1": GREY},
    "grey stored as colour": {"cat__0": GREY.convert("RGB"), "dog__1": GREY, "dog__2": GREY.convert("RGBA")},
    "colour": {"cat__0": COLOUR, "dog__0": COLOUR.rotate(180)},
    "mixed": {"cat__0": GREY, "dog__0": COLOUR.convert("RGBA"), "dog__.hidden": b"", "eel__deeper__0": GREY},
    "palette": {"cat__0": COLOUR.convert("P"), "dog__0": GREY.convert("1")},
    "16 bits": {"cat__0": Image.fromarray(DEEP), "dog__0": GREY},
    "16 bits and colour": {"cat__0": Image.fromarray(DEEP), "dog__0": COLOUR},
}


@pytest.mark.parametrize("size", [None, 8])
@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_reads_alike_at_once_and_image_by_image(tmp_path, name, size):
    samples, dataset = load(folder(tmp_path, **FOLDERS[name]), size=size), ImageFolder(tmp_path, size)
    assert len(dataset) == len(samples)
    assert dataset.classes == samples.names
    assert [file.relative_to(tmp_path).as_posix() for file in dataset.files] == list(samples.files)
    x, y = zip(*(dataset[i] for i in range(len(dataset))), strict=True)
    assert torch.equal(torch.stack(x), samples.x)
    assert list(y) == samples.y.tolist()


def test_reading_image_by_image_refuses_what_reading_at_once_refuses(tmp_path):
    folder(tmp_path / "sizes", cat__0=GREY, dog__0=GREY.resize((8, 8)))
    with pytest.raises(InputError, match=r"got 9x10 \(.*cat/0\.png\) and 8x8 \(.*dog/0\.png\); resize them"):
        ImageFolder(tmp_path / "sizes")[1]
    folder(tmp_path / "broken", cat__0=GREY, dog__0=b"")
    with pytest.raises(InputError, match=r"expected an image, got '.*dog/0\.png'"):
        ImageFolder(tmp_path / "broken")
    with pytest.raises(InputError, match="expected a folder with one folder of images per class"):
        ImageFolder(tmp_path / "broken" / "cat")
