r"""The likelihood of rows of numbers and categories.

For a row with numbers x_j, categories c_k with K_k levels each, and missing values,

    log p(x|z) = sum_j o_j log N(x_j; m_j(z), s_j^2) + sum_k log softmax_{c_k}(l_k(z)) + sum_j log Bernoulli(1 - o_j; t_j(z)),

where o_j is 1 if x_j is observed and 0 if it is missing, so that nothing is learned from the values that stand for missing
ones. A missing category is a level of its own. Each column of numbers has its own spread s_j, the maximum-likelihood one.

Reference: Nazabal, Olmos, Ghahramani and Valera, "Handling incomplete heterogeneous data using VAEs", 2020,
https://arxiv.org/abs/1807.03653
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from vaeaug.data.tables.layout import Layout
from vaeaug.models.precision import Float32Buffers, at_least_float32

SMALLEST_SPREAD = 0.05  # of a standard deviation of 1: finer differences are not worth the code


class MixedLikelihood(Float32Buffers):
    """Creates the likelihood of encoded rows, `(B, D)`; it has no weights.

    Arguments:
        layout: The features of each column; see `vaeaug.data.tables`.
    """

    numbers: Tensor
    flags: Tensor
    levels: Tensor
    column_of_level: Tensor
    membership: Tensor

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layout = layout
        levels = [i for part, _ in layout.categories for i in range(part.start, part.stop)]
        column_of_level = [k for k, (part, _) in enumerate(layout.categories) for _ in range(part.start, part.stop)]
        buffers = {
            "numbers": torch.tensor(layout.numbers, dtype=torch.long),
            "flags": torch.tensor(layout.number_missing, dtype=torch.long),
            "levels": torch.tensor(levels, dtype=torch.long),
            "column_of_level": torch.tensor(column_of_level, dtype=torch.long),
            # Sums over the levels of each column are matrix products, which give the same bits on every device.
            "membership": torch.zeros(len(levels), max(1, len(layout.categories)), dtype=torch.float32),
        }
        buffers["membership"][range(len(levels)), column_of_level] = 1.0
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)

    def mean(self, logits: Tensor) -> Tensor:
        """Returns the mean of p(x|z): numbers as they are, the probability of each level and that a number is missing.

        Arguments:
            logits: The decoder's outputs, `(B, D)`.
        """
        mean = logits.clone()
        if len(self.flags):
            mean[:, self.flags] = logits[:, self.flags].sigmoid()
        if len(self.levels):
            mean[:, self.levels] = self._log_softmax(logits).exp().to(mean.dtype)
        return mean

    def error(self, x: Tensor, logits: Tensor) -> Tensor:
        """Returns the squared errors of the observed numbers, 0 for missing ones, `(B, C)`."""
        observed = self.layout.observed(x)[:, self.numbers]
        return (x[:, self.numbers] - logits[:, self.numbers]).square() * observed

    def log_spread(self, x: Tensor, error: Tensor, mean: Callable[[Tensor], Tensor]) -> Tensor:
        """Returns log s of each column of numbers, `(C,)`, as the batch gives it.

        Arguments:
            x: The rows, `(B, D)`.
            error: Their squared errors.
            mean: The mean over the whole batch, of which `x` may be one process's part.
        """
        observed = self.layout.observed(x)[:, self.numbers]
        columns = zip(error.detach().unbind(1), observed.unbind(1), strict=True)
        ratios = [mean(column) / mean(seen).clamp(min=1e-6) for column, seen in columns]
        variance = torch.stack(ratios) if ratios else error.new_zeros(0)
        return 0.5 * variance.clamp(min=SMALLEST_SPREAD**2).log()

    def log_prob(self, x: Tensor, logits: Tensor, error: Tensor, log_spread: Tensor) -> Tensor:
        """Returns log p(x|z) in nats, `(B,)`.

        Arguments:
            x: The rows, `(B, D)`.
            logits: The decoder's outputs, `(B, D)`.
            error: The squared errors of the numbers.
            log_spread: log s of each column of numbers, `(C,)`.
        """
        observed = self.layout.observed(x)[:, self.numbers]
        constant = (log_spread + 0.5 * math.log(2 * math.pi)) * observed
        total = -(0.5 * error / (2 * log_spread).exp() + constant).sum(1)
        if len(self.levels):
            total = total + (x[:, self.levels] * self._log_softmax(logits)).sum(1)
        if len(self.flags):
            of_flags = nn.functional.binary_cross_entropy_with_logits(
                logits[:, self.flags], x[:, self.flags], reduction="none"
            )
            total = total - of_flags.sum(1)
        return total

    def _log_softmax(self, logits: Tensor) -> Tensor:
        """Returns the logarithm of the probability of each level within its column."""
        logits = at_least_float32(logits[:, self.levels])
        largest = logits.new_full((len(logits), self.membership.shape[1]), -math.inf).scatter_reduce(
            1, self.column_of_level.expand(len(logits), -1), logits.detach(), "amax"
        )
        shifted = logits - largest[:, self.column_of_level]
        return shifted - (shifted.exp() @ self.membership.to(logits)).log()[:, self.column_of_level]
