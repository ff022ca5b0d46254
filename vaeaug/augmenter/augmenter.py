"""The augmenter: a VAE, a perturbation, a filter and the bank of real samples, behind one verb, `generate`.

Sample i of a seed is the same however it is asked for: its parent depends on (seed, i) alone, and its noise is drawn with
that of its whole chunk, from a generator seeded by (seed, chunk).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from sklearn.exceptions import NotFittedError
from torch import Tensor

from vaeaug.augmenter import saving
from vaeaug.augmenter.generation import Generated, Synthesizer, like
from vaeaug.augmenter.parents import CHUNK, Parents, as_near, given, of_bank, with_donors
from vaeaug.augmenter.unlabelled import as_unlabelled, fit_teacher, match_pseudo_labels
from vaeaug.data import streaming
from vaeaug.data.loading import as_samples
from vaeaug.data.samples import Samples, Scaling
from vaeaug.filters.base import AcceptanceCounts, Filter
from vaeaug.models.codec import Codec, ResidualCache
from vaeaug.models.fitting import fit_vae
from vaeaug.models.training import device_of
from vaeaug.models.vae import VAE
from vaeaug.perturb.bank import Bank
from vaeaug.perturb.pseudo_labelled import both
from vaeaug.perturb.schemes import DEFAULT, PERTURBATIONS, Perturbation
from vaeaug.runtime import checks

TOGETHER = 32  # chunks whose codes are drawn together, before the decoder runs


class Augmenter:
    """Creates synthetic samples near real ones, with their labels.

    By default the augmenter adds the *decoded change* to the real sample, x' = clip(x + decode(z') - decode(z)): detail
    survives the VAE's blur, and `scale=0` gives the sample back.

    Arguments:
        vae: A `VAE`, or anything with `encode(x)`, which returns an `Independent(Normal)` over `(B, L)`, and `decode(z)`.
            By default `fit` trains one.
        perturb: How to draw z' near q(z|x); see `vaeaug.perturb`.
        filter: A filter that vetoes children (see `vaeaug.filters.base`). A vetoed child is drawn again a few times, then its
            place is taken by the parent itself.
        residual: Whether to add the decoded change to the parent; False gives the plain decode.

    After `fit`: `vae_`, `bank_`, and `acceptance_`, the share of the drawn children that `filter` let through, by class.

    Example:
        >>> augmenter = Augmenter().fit("digits", steps=20, progress=False)
        >>> images, labels, *_ = augmenter.generate(64, labels=[3, 8], seed=0)
        >>> images.shape, labels[:4]
        (torch.Size([64, 1, 8, 8]), tensor([3, 8, 3, 8]))
    """

    vae_: Any
    bank_: Bank

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
        own = "" if self.vae is None else f"{type(self.vae).__name__}(...), "
        return f"Augmenter({own}perturb={self.perturb!r}, filter={self.filter!r}, residual={self.residual})"

    def fit(
        self,
        data: Any,
        y: Any = None,
        *,
        unlabelled: Any = None,
        teacher: Any = "forest",
        seed: int = 0,
        bank_size: int | None = None,
        **training: Any,
    ) -> Augmenter:
        """Trains the VAE if none was given, and fills the bank.

        Arguments:
            data: Labelled data in any form that `vaeaug.data.as_samples` takes.
            y: The labels, where `data` is X alone.
            unlabelled: Further samples, without labels: an array, a Dataset, a folder; labels that come with them are never
                looked at. The VAE is trained on them, too, and those that lie near a labelled sample and look like its class
                to `teacher` stand in for it where children start, and are partners of perturbations. `Generated.parent` is
                still the labelled sample.
            teacher: What judges unlabelled samples, see `vaeaug.CrossFitted.fit`; none that saw the labelled sample does.
            seed: Of the VAE's training.
            bank_size: For a DataLoader or Dataset larger than memory: the number of samples, drawn in one pass, that become
                the bank.
            training: Arguments of `fit_vae`: `steps`, `latent_dim`, `progress`, `checkpoint` and so on.

        Raises:
            InputError: If the data cannot be used: it needs two classes with two samples each, or more.
        """
        self._check_parts()
        if self.vae is not None and training:
            checks.refuse("no training arguments with a VAE of your own", ", ".join(training), "leave them out")
        if bank_size is None:
            # A copy: what the user does to the data later is not done to the bank.
            data = samples = as_samples(data, y=y).copy()
            scaling = Scaling.fit(samples.x)
        else:
            data, samples, scaling = streaming.reservoir(data, bank_size, seed, training.get("batch_size", 64))
            training = {"scaling": scaling, **training}
        checks.check_class_counts(samples.counts, names=samples.names)
        pool = None if unlabelled is None else self._pool(unlabelled, samples, bank_size, training)
        if pool is not None:
            data = both(samples, pool)
            scaling = Scaling.fit(data.x)
        self.vae_ = fit_vae(data, seed=seed, **training) if self.vae is None else self.vae
        if isinstance(self.vae_, VAE):
            checks.check_event_shape("samples", samples.x, self.vae_.event_shape)
        mean, stddev = self._codec.codes(samples.x, samples.y)
        checks.check_event_shape("decode(z)", self._codec.decode(mean[:1], samples.y[:1]), samples.event_shape)
        self._fill(self.vae_, Bank(samples, mean, stddev, scaling))
        if pool is not None:
            fitted = fit_teacher(self.bank_, teacher, self, seed)
            donors = match_pseudo_labels(self.bank_, self._codec, pool, fitted)
            self._fill(self.vae_, replace(self.bank_, donors=donors))
        return self

    def generate(
        self,
        n: int,
        near: Any = None,
        labels: int | str | Sequence[int | str] | Tensor | None = None,
        seed: int | None = None,
    ) -> Generated:
        """Creates n synthetic samples.

        Arguments:
            n: How many, 1 or more.
            near: Real samples `(B, *event)` to start from, in turn: a tensor, an array, a list of samples, PIL images; by
                default samples of the bank, in a seeded order, each equally often. They should look like those seen at fit:
                codes of others lie where the VAE knows nothing.
            labels: Class numbers, or names where the data had names. With `near`, its labels, `(B,)` or one for all; left
                out, the nearest codes of the bank decide. Without `near`, the classes wanted, in turn.
            seed: The same seed gives the same samples; by default fresh ones.

        Raises:
            InputError: If n is not 1 or more, or `near` and `labels` do not fit the data seen at fit.
            NotFittedError: Before `fit`.
        """
        self._ready()
        checks.check_number("n", n, 1, whole=True)
        seed = secrets.randbits(62) if seed is None else seed
        checks.check_number("seed", seed, 0, whole=True)
        near = None if near is None else as_near(near, self.bank_)
        source = self._of_bank(labels, seed) if near is None else self._given(n, near, labels, seed)
        x = torch.empty(n, *self.bank_.samples.event_shape)
        # On another device there would have to be room for all of them, twice.
        span = (TOGETHER if self.bank_.mean.device == x.device else 1) * CHUNK
        parts = [
            self._maker.make(source, i * span // CHUNK, seed, len(out), out) for i, out in enumerate(x.split(span))
        ]
        made = Generated(x, *(torch.cat(column) for column in list(zip(*parts, strict=True))[1:]))
        return made if near is None else like(made, near, self.bank_.scaling.is_unit)

    def using(self, **parts: Any) -> Augmenter:
        """Returns an augmenter that shares the VAE and the bank of this one, with another perturbation, filter or
        decoding."""
        settings = {"perturb": self.perturb, "filter": self.filter, "residual": self.residual}
        unknown = sorted(parts.keys() - settings)
        if unknown:
            checks.refuse("perturb, filter or residual", ", ".join(unknown), "fit another augmenter for other changes")
        new = Augmenter(self.vae, **(settings | parts))
        new._check_parts()
        if hasattr(self, "bank_"):
            new._fill(self.vae_, self.bank_)
            new._rests = self._rests
        return new

    def subset(self, index: Tensor) -> Augmenter:
        """Returns an augmenter that shares the VAE of this one, with only the samples at `index` in its bank."""
        self.check_fitted()
        new = self.using()
        new._fill(self.vae_, self.bank_.subset(index))
        return new

    def chunk(self, index: int, seed: int, labels: Any = None) -> Generated:
        """Returns samples `index * CHUNK` to `(index + 1) * CHUNK` of what `generate` gives for this seed, and only these."""
        return self.chunks(seed, labels=labels)(index)

    def chunks(self, seed: int, near: Any = None, labels: Any = None) -> Callable[[int], Generated]:
        """Returns the function `chunk` of one seed, for `near` and `labels` as `generate` takes them; samples are float32,
        in the data's range. Streams, shards and Datasets are made of it."""
        self._ready()
        near = None if near is None else as_near(near, self.bank_)
        source = self._of_bank(labels, seed) if near is None else self._given(len(near), near, labels, seed)
        maker = self._maker
        return lambda index: maker.make(source, index, seed, CHUNK)

    def save(self, folder: str | Path) -> None:
        """Writes the fitted augmenter to a folder, whole or not at all; see `vaeaug.augmenter.saving`."""
        self.check_fitted()
        saving.save(folder, saving.Parts(self.vae_, self.bank_, self.perturb, self.filter, self.residual))

    @classmethod
    def load(
        cls, folder: str | Path, *, vae: Any = None, perturb: Perturbation | None = None, filter: Filter | None = None
    ) -> Augmenter:
        """Reads what `save` wrote; parts of classes of your own, and filters, are not in it and have to be passed."""
        parts = saving.load(folder, vae=vae, perturb=perturb, filter=filter)
        new = cls(vae, perturb=parts.perturb, filter=filter, residual=parts.residual)
        new._check_parts()
        new._fill(parts.vae, parts.bank.to(device_of(parts.vae)))
        first = parts.bank.samples[:8]
        saving.check_codes(new.bank_, new._codec.encode(first.x, first.y))
        return new

    @property
    def acceptance_(self) -> dict[str, float]:
        """The share of the drawn children that `filter` accepted since `fit`, by class name."""
        self.check_fitted()
        return self._tally.fractions()

    def _fill(self, vae: Any, bank: Bank) -> None:
        self.vae_, self.bank_ = vae, bank
        self._tally = AcceptanceCounts(bank.samples.names)
        self._rests = ResidualCache(self._codec, bank)
        self._donated = ResidualCache(self._codec, bank.with_pseudo_labelled)

    def _pool(self, unlabelled: Any, samples: Samples, bank_size: int | None, training: dict[str, Any]) -> Tensor:
        if bank_size is not None:
            checks.refuse("unlabelled samples or a streamed bank", "both", "leave bank_size out")
        vae = training.get("vae") if self.vae is None else self.vae
        told = training.get("num_classes") if vae is None else getattr(vae, "num_classes", None)
        return as_unlabelled(unlabelled, samples, conditional=told is not None)

    def _check_parts(self) -> None:
        if not isinstance(self.perturb, Perturbation):
            names = ", ".join(PERTURBATIONS)
            checks.refuse(f"a perturbation ({names})", repr(self.perturb), "pass vaeaug.Extrapolate(0.5), say")
        if self.filter is not None and not isinstance(self.filter, Filter):
            checks.refuse("a filter or None", repr(self.filter), "pass vaeaug.Confident(classifier, 0.3), say")
        if self.vae is not None and not (hasattr(self.vae, "encode") and hasattr(self.vae, "decode")):
            checks.refuse("a VAE with encode and decode", type(self.vae).__name__, "see docs/own-vae.md")

    def check_fitted(self) -> None:
        """Checks that `fit` has been called."""
        if not hasattr(self, "bank_"):
            raise NotFittedError("expected a fitted augmenter, got one before fit; call augmenter.fit(data) first")

    def _ready(self) -> None:
        self.check_fitted()
        # The VAE may have been moved since fit; its bank follows.
        device = device_of(self.vae_)
        if device != self.bank_.mean.device:
            self.bank_ = self.bank_.to(device)
            self._rests = ResidualCache(self._codec, self.bank_)
            self._donated = ResidualCache(self._codec, self.bank_.with_pseudo_labelled)

    @property
    def _codec(self) -> Codec:
        return Codec(self.vae_)

    @property
    def _maker(self) -> Synthesizer:
        return Synthesizer(self._codec, self.bank_, self.perturb, self.filter, self._tally)

    def _of_bank(self, labels: Any, seed: int) -> Parents:
        parents = of_bank(self.bank_, labels, seed, self._rests if self.residual else None)
        return with_donors(parents, self.bank_, seed, self._donated)

    def _given(self, n: int, near: Tensor, labels: Any, seed: int) -> Parents:
        parents = given(self.bank_, self._rests, n, near, labels, self.residual)
        return with_donors(parents, self.bank_, seed, self._donated)
