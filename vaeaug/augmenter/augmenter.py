"""The augmenter: a VAE, a perturbation, a filter and the bank of real samples, behind `fit`, `generate`, `save` and `load`.

Sample i of a seed is the same however it is requested: its parent depends only on (seed, i), and its noise is drawn with that
of its whole chunk, from a generator seeded by (seed, chunk).
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vaeaug.augmenter import saving
from vaeaug.augmenter.fitting import check_settings, encode_bank, load_unlabelled, number_labels
from vaeaug.augmenter.generation import Generated, Synthesizer, match_input
from vaeaug.augmenter.parents import (
    Parents,
    as_samples_like,
    parents_from_bank,
    parents_from_samples,
    with_pseudo_labelled,
)
from vaeaug.augmenter.residuals import ResidualCache
from vaeaug.augmenter.unlabelled import concatenate_unlabelled, fit_teacher, match_pseudo_labels
from vaeaug.data import streaming
from vaeaug.data.frames import is_frame
from vaeaug.data.loading import as_samples
from vaeaug.data.other_frames import OtherFrame, to_pandas
from vaeaug.data.sample_kinds import SIGNALS
from vaeaug.data.samples import Samples
from vaeaug.data.tables.kinds import AUTO
from vaeaug.filters.base import AcceptanceCounts, Filter
from vaeaug.models.codec import CHUNK, Codec
from vaeaug.models.fitting import fit_vae
from vaeaug.models.spaces import LinearSpace
from vaeaug.models.training import device_of
from vaeaug.models.vae import VAE
from vaeaug.models.wrappers import unwrapped
from vaeaug.perturb.bank import Bank
from vaeaug.perturb.schemes import DEFAULT, Perturbation
from vaeaug.perturb.value_range import check_range_of
from vaeaug.runtime import checks, limits, modes

CHUNKS_TOGETHER = 32  # chunks whose codes are drawn before the decoder runs


class Augmenter:
    """Generates synthetic samples close to real ones, with their labels.

    By default the augmenter adds the *decoded change* to the real sample, x' = clip(x + decode(z') - decode(z)): detail
    survives the VAE's blur, and `scale=0` returns the sample itself.

    Arguments:
        vae: A `VAE`, or any object with `encode(x)`, which returns an `Independent(Normal)` over `(B, L)`, and `decode(z)`.
            By default `fit` trains a `VAE`. `Identity()` and `PCA(n)` perturb the samples themselves or their components.
        perturb: The perturbation that draws z' near q(z|x); see `vaeaug.perturb`.
        filter: A filter that rejects synthetic samples; see `vaeaug.filters`. A rejected sample is drawn again up to 3 times,
            then replaced by its parent.
        residual: Whether to add the decoded change to the real sample; False generates plain decode(z').

    After `fit`, `vae_` is the VAE and `bank_` the real samples with their codes.

    Example:
        >>> augmenter = Augmenter().fit("digits", steps=20, progress=False)
        >>> images, labels, *_ = augmenter.generate(64, labels=[3, 8], seed=0)
        >>> images.shape, labels[:4]
        (torch.Size([64, 1, 8, 8]), tensor([3, 8, 3, 8]))
    """

    vae_: Any
    bank_: Bank
    _frame_kind: OtherFrame | None = None  # of the data at fit, if it was a frame of another library than pandas

    @checks.renamed(keep="filter")
    def __init__(
        self,
        vae: Any = None,
        *,
        perturb: Perturbation = DEFAULT,
        filter: Filter | None = None,
        residual: bool = True,
    ) -> None:
        self.vae, self.perturb, self.filter, self.residual = vae, perturb, filter, residual

    def __repr__(self) -> str:
        vae = "" if self.vae is None else f"{type(self.vae).__name__}(...), "
        return f"Augmenter({vae}perturb={self.perturb!r}, filter={self.filter!r}, residual={self.residual})"

    @checks.renamed(bank="bank_size")
    @modes.in_plain_modes
    def fit(
        self,
        data: Any,
        y: Any = None,
        *,
        unlabelled: Any = None,
        teacher: Any = "forest",
        seed: int = 0,
        bank_size: int | None = None,
        categorical_features: Any = AUTO,
        kind: str = AUTO,
        **training: Any,
    ) -> Augmenter:
        """Trains the VAE unless one was given, and fills the bank.

        Arguments:
            data: Labelled data in any form that `vaeaug.data.as_samples` accepts.
            y: The labels, if `data` is X alone.
            unlabelled: More samples, without labels: an array, a Dataset, a folder; any labels are ignored. The VAE is
                trained on them, too. Those near a labelled sample that look like its class to `teacher` are pseudo-labelled:
                synthetic samples also start from them, and perturbations draw partners from them. `Generated.parent` is still
                the labelled sample.
            teacher: The classifier that judges unlabelled samples; see `vaeaug.CrossFitted.fit`. It is cross-fitted: teachers
                trained on the labelled sample itself do not judge its neighbours.
            seed: The seed of the VAE's training.
            bank_size: The number of samples in the bank, for a DataLoader or Dataset that is larger than memory; they are
                drawn at random in one pass.
            categorical_features: The columns of a data frame that are categories: indices, names or a mask. By default
                those of words, categories and, beside these, booleans.
            kind: `signals` for signals `(N, C, T)`, or `(N, T)` of one channel, and `images` for images, where the shape
                cannot tell; see `vaeaug.data.as_samples`.
            training: Arguments of `fit_vae`: `steps`, `latent_dim`, `progress`, `checkpoint` and so on.

        Raises:
            InputError: If the data cannot be used: at least two classes with two samples each are needed.
        """
        check_settings(self.vae, self.perturb, self.filter)
        pair = isinstance(data, tuple | list) and len(data) == 2
        frame_kind = OtherFrame.of(data[0] if pair else data, "x", keep=False)
        if self.vae is not None and training:
            checks.refuse("no training arguments with a VAE of your own", ", ".join(training), "leave them out")
        vae_shape = getattr(unwrapped(self.vae), "event_shape", None)
        if kind == AUTO and vae_shape is not None and len(vae_shape) == 2:
            kind = SIGNALS
        if bank_size is None:
            # A copy, so that later changes of the user's data do not change the bank.
            samples = as_samples(data, y=y, seed=seed, categorical_features=categorical_features, kind=kind).copy()
            data = samples = number_labels(samples, self.filter, training if self.vae is None else {"vae": self.vae})
        else:
            data, samples, scaling = streaming.reservoir(data, bank_size, seed, training.get("batch_size", 64), kind)
        checks.check_class_counts(samples.counts, names=samples.names)
        if unlabelled is not None:
            unlabelled = load_unlabelled(
                unlabelled, samples, bank_size, training if self.vae is None else {"vae": self.vae}, seed
            )
            data = concatenate_unlabelled(samples, unlabelled)
        if bank_size is None:
            scaling = replace(samples, x=data.x).scaling()
        training = {"scaling": scaling, "kind": kind, **training}
        vae = unwrapped(self.vae)
        if vae is None:
            vae = fit_vae(data, seed=seed, **training)
        elif isinstance(vae, VAE):
            if samples.table is None:
                check_range_of(vae, samples)
        elif isinstance(vae, LinearSpace):
            vae = vae.fit(data.x if isinstance(data, Samples) else samples.x)
        self._set_fitted(vae, encode_bank(vae, samples, scaling))
        if unlabelled is not None:
            cross_fitted = fit_teacher(self.bank_, teacher, self, seed)
            pseudo_labelled = match_pseudo_labels(self.bank_, Codec(self.vae_), unlabelled, cross_fitted)
            self._set_fitted(vae, replace(self.bank_, pseudo_labelled=pseudo_labelled))
        self._frame_kind = frame_kind
        return self

    @modes.in_plain_modes
    def generate(
        self,
        n: int,
        near: Any = None,
        labels: int | str | Sequence[int | str] | Tensor | None = None,
        seed: int | None = None,
    ) -> Generated:
        """Generates n synthetic samples: a tensor, or a data frame if the data was one with categories or missing values.

        A frame is of the library of `near`, or else of the data at fit; after `load` of pandas.

        Arguments:
            n: The number of samples, 1 or more.
            near: Real samples `(B, *event)` that take turns as parents: a tensor, an array, a data frame, a list of samples,
                PIL images. By default the samples of the bank, in a seeded order, each equally often. They should resemble
                the data seen at fit: the encoder is unreliable on unfamiliar data.
            labels: Class numbers, or names if the data had names. With `near`, the labels of these samples, `(B,)` or one for
                all; by default inferred from the nearest codes of the bank. Without `near`, the classes to generate, which
                take turns.
            seed: The same seed gives the same samples; by default a random one.

        Raises:
            InputError: If n is not 1 or more, if `near` and `labels` do not match the data seen at fit, or if the VAE, the
                perturbation or the filter gives NaN or infinity.
            NotFittedError: Before `fit`.
        """
        self.check_fitted()
        table = self.bank_.samples.table
        kind = self._frame_kind if near is None else OtherFrame.of(near, "near", keep=False)
        near = to_pandas(near, "near")
        generated = self.generate_tensors(n, near, labels, seed)
        if table is None or not (near is None or is_frame(near)):
            return generated
        parents = None if near is None else near.iloc[generated.parent.numpy()]
        frame = table.decode(generated.x, parents)
        return generated._replace(x=frame if kind is None else kind.like(frame))

    def generate_tensors(self, n: int, near: Any = None, labels: Any = None, seed: int | None = None) -> Generated:
        """Generates as `generate` does; of a table with categories or missing values encoded rows, not a data frame."""
        self._prepare()
        checks.check_number("n", n, 1, whole=True)
        seed = secrets.randbits(62) if seed is None else seed
        checks.check_number("seed", seed, 0, whole=True)
        near = None if near is None else as_samples_like(near, self.bank_)
        parents, synthesizer = self._parents(n, near, labels, seed), self._synthesizer
        size = 4 * n * self.bank_.samples.x[0].numel()
        limits.check_memory(f"{n} samples", size, "generate fewer at a time, or shards: vaeaug.export.shards.write")
        x = torch.empty(n, *self.bank_.samples.event_shape)
        # Another device would need memory for all samples at once, in addition to the CPU.
        chunks = CHUNKS_TOGETHER if self.bank_.mean.device == x.device else 1
        batches = [
            synthesizer.generate(parents, i * chunks, seed, len(out), out)
            for i, out in enumerate(x.split(chunks * CHUNK))
        ]
        generated = Generated.concatenate(batches, x)
        return generated if near is None else match_input(generated, near, self.bank_.scaling.is_unit)

    @checks.renamed(keep="filter")
    @modes.in_plain_modes
    def using(self, **settings: Any) -> Augmenter:
        """Returns an augmenter of the same class that shares the VAE and the bank, with other settings.

        Arguments:
            settings: `perturb`, `filter` and `residual`, as in the constructor.

        Raises:
            InputError: For other settings, or values that cannot be used.
        """
        unknown = sorted(settings.keys() - {"perturb", "filter", "residual"})
        if unknown:
            checks.refuse("perturb, filter or residual", ", ".join(unknown), "fit another augmenter for other changes")
        augmenter = copy.copy(self)
        vars(augmenter).update(settings)
        check_settings(augmenter.vae, augmenter.perturb, augmenter.filter)
        if hasattr(self, "bank_"):
            augmenter._acceptance = AcceptanceCounts(self.bank_.samples.names)
        return augmenter

    @modes.in_plain_modes
    def subset(self, index: Tensor) -> Augmenter:
        """Returns an augmenter that shares the VAE, with only the samples at `index` in its bank, none pseudo-labelled.

        Arguments:
            index: Indices or a mask of the bank's samples, `(B,)`.
        """
        self.check_fitted()
        augmenter = self.using()
        augmenter._set_fitted(self.vae_, self.bank_.subset(index))
        return augmenter

    def chunk(self, index: int, seed: int, labels: Any = None) -> Generated:
        """Returns samples `index * 256` to `(index + 1) * 256` of those that `generate` returns for this seed."""
        return self.chunks(seed, labels=labels)(index)

    @modes.in_plain_modes
    def chunks(self, seed: int, near: Any = None, labels: Any = None) -> Callable[[int], Generated]:
        """Returns a function from the index of a chunk to its 256 samples, as float32 in the range of the data.

        Arguments:
            seed: The seed.
            near, labels: As in `generate`.
        """
        self._prepare()
        near = None if near is None else as_samples_like(near, self.bank_)
        size = 0 if near is None else len(near)
        parents, synthesizer = self._parents(size, near, labels, seed), self._synthesizer
        return modes.in_plain_modes(lambda index: synthesizer.generate(parents, index, seed, CHUNK))

    @modes.in_plain_modes
    def save(self, folder: str | Path) -> None:
        """Writes the fitted augmenter to a folder, atomically; see `vaeaug.augmenter.saving`."""
        self._prepare()
        saving.save(folder, saving.AugmenterState(self.vae_, self.bank_, self.perturb, self.filter, self.residual))

    @modes.in_plain_modes
    def export(self, path: str | Path, *, part: str = "augmenter", overwrite: bool = False) -> None:
        """Writes the fitted augmenter as an ONNX model, atomically, for other languages; see docs/onnx.md.

        What is random comes from outside, as inputs. The model holds the codes of the bank, not its samples. Each model is
        run with onnxruntime before it is written, and refused unless it agrees with torch. Needs the extra `onnx`.

        Arguments:
            path: The file, `.onnx`; an earlier one that this method wrote is replaced.
            part: `augmenter`, from real samples to synthetic ones; `encoder`, to mean and standard deviation of the codes;
                or `decoder`, from codes to samples.
            overwrite: Whether a file of any kind may be replaced.

        Raises:
            InputError: For tables with categories, a filter, or a perturbation or a VAE that cannot be exported.
            ImportError: If the extra is not installed.
        """
        from vaeaug.augmenter import onnx

        self._prepare()
        if self.filter is not None:
            got, remedy = type(self.filter).__name__, "export augmenter.using(filter=None), and filter afterwards"
            checks.refuse("no filter in an exported augmenter", got, remedy)
        job = onnx.ExportJob(self.vae_, self.bank_, self.perturb, self.residual, part)
        onnx.export(job, path, overwrite=overwrite)

    @classmethod
    @checks.renamed(keep="filter")
    @modes.in_plain_modes
    def load(
        cls, folder: str | Path, *, vae: Any = None, perturb: Perturbation | None = None, filter: Filter | None = None
    ) -> Augmenter:
        """Reads an augmenter that `save` wrote.

        Arguments:
            folder: The folder.
            vae: The VAE, if it is of a class of your own: such a VAE is not saved.
            perturb: The perturbation, if it is of a class of your own, or to replace the saved one.
            filter: The filter; filters are not saved.

        Raises:
            InputError: If the folder cannot be used, or something that is not saved has to be passed.
        """
        state = saving.load(folder, vae=unwrapped(vae), perturb=perturb, filter=filter)
        augmenter = cls(vae, perturb=state.perturb, filter=filter, residual=state.residual)
        check_settings(augmenter.vae, augmenter.perturb, augmenter.filter)
        augmenter._set_fitted(state.vae, state.bank.to(device_of(state.vae)))
        samples = state.bank.samples[:8]
        saving.check_codes(augmenter.bank_, Codec(augmenter.vae_).encode(samples.x, samples.y))
        return augmenter

    @property
    def acceptance_(self) -> dict[str, float]:
        """The fraction of the drawn samples that `filter` has accepted since `fit`, by class name."""
        self.check_fitted()
        return self._acceptance.fractions()

    def check_fitted(self) -> None:
        """Checks that `fit` has been called.

        Raises:
            NotFittedError: scikit-learn's, if it has not.
        """
        if not hasattr(self, "bank_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError("expected a fitted augmenter, got one before fit; call augmenter.fit(data) first")

    def _set_fitted(self, vae: Any, bank: Bank) -> None:
        self.vae_, self.bank_ = vae, bank
        self._acceptance = AcceptanceCounts(bank.samples.names)
        self._residuals = ResidualCache(Codec(self.vae_), bank)

    def _prepare(self) -> None:
        """Checks that `fit` has been called, and follows what was done to the VAE since: moved, or compiled."""
        self.check_fitted()
        self.vae_ = unwrapped(self.vae_)
        device = Codec(self.vae_).device
        if device != self.bank_.mean.device:
            self.bank_ = self.bank_.to(device)
            self._residuals = ResidualCache(Codec(self.vae_), self.bank_)

    @property
    def _synthesizer(self) -> Synthesizer:
        return Synthesizer(Codec(self.vae_), self.bank_, self.perturb, self.filter, self._acceptance)

    def _parents(self, n: int, near: Tensor | None, labels: Any, seed: int) -> Parents:
        if near is None:
            parents = parents_from_bank(self.bank_, labels, seed, self._residuals if self.residual else None)
        else:
            parents = parents_from_samples(self._residuals, n, near, labels, residual=self.residual)
        return with_pseudo_labelled(parents, self.bank_, seed)
