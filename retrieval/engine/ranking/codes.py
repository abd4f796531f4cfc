r"""Rows as 8-bit codes, and upper bounds on scores that hold for certain.

A row ``b`` has a code for each *term*: its columns, its coordinates ``z = V (b - m)`` along the
library's principal components, and the norm of what these leave, ``r = b - m - V' z``. A bound
needs the codes of a few terms only, because a photo's ``a`` has few large entries and a flat rest.

For a set `L` of columns, any ``alpha``, ``beta = (a - V' alpha)`` on `L` and 0 elsewhere, and
``delta = a - beta - V' alpha``:

.. math::
    a \cdot b &= a \cdot m + (\beta + V^\top \alpha + \delta) \cdot (b - m) \\
              &= a \cdot m + \beta \cdot (b - m) + \alpha \cdot z + \delta \cdot (r + V^\top z) \\
              &= a \cdot m + \beta \cdot (b - m) + (\alpha + V \delta) \cdot z + \delta \cdot r

which is exact for every `V`, and :math:`|\delta \cdot r| \le \|\delta\| \|r\|` (Cauchy-Schwarz). So

.. math::
    a \cdot b \le a \cdot m + \sum_{c \in L} \beta_c (b_c - m_c)
                 + \sum_j (\alpha + V \delta)_j z_j + \|\delta\| \|r\|

A code `k` of a column or coordinate says that its value lies within half a step of
``low + step (k + 1/2)``; that of a norm says that it is at most ``low + step (k + 1)``. With these
values, with half a step times the weight's size added for each term, and with a bound on the
rounding of the float32 sum, the right-hand side is linear in the codes. The smallest ``delta`` is
that of least squares outside `L`: ``(I - V_L V_L') alpha = V a - V_L a_L`` for orthonormal `V`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.ranking.compiled import load_kernels
from retrieval.engine.ranking.dense import FLOAT32_UNIT_ROUNDOFF

COMPONENTS: Final = 32
"""Principal components: with more, a bound needs fewer columns, but always reads the components."""

LEVELS: Final = 256
_HALF: Final = 0.5 + 1e-4  # of a step; the excess covers the rounding of the level in float32
_NORM_SLACK: Final = 1e-9  # relative to |b - m|^2: rounding of the squared norm in float64
_RIDGE: Final = 1e-6  # keeps the equations solvable where few columns are outside of `L`
_SAMPLE_ROWS: Final = 16_384


@dataclass(frozen=True, slots=True)
class Bound:
    """An upper bound on the scores of one query, linear in the codes.

    Attributes
    ----------
    terms : int64 [shape=(t,)]
        Whose codes are read, those that change the bound most first; a multiple of four, so up to
        three in the end have no weight.
    weights : float32 [shape=(t,)]
        By code.
    base : float
        The bound of a row whose codes are all 0, rounding included.
    width : float
        By how much the bound of a row of median norm may exceed its score, about.
    """

    terms: NDArray[np.int64]
    weights: NDArray[np.float32]
    base: float
    width: float


@dataclass(frozen=True, slots=True)
class Codebook:
    """How rows are coded.

    Attributes
    ----------
    mean : float64 [shape=(columns,)]
        ``m``.
    components : float64 [shape=(d, columns)]
        ``V``, its rows orthonormal.
    low, step : float64 [shape=(columns + d + 1,)]
        Of each term; a step is positive. float32 values, so that coding and bounds use the same.
    spread : float64 [shape=(columns,)]
        Standard deviation of each column.
    middle_norm : float
        Median of ``|r|``.
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    low: NDArray[np.float64]
    step: NDArray[np.float64]
    spread: NDArray[np.float64]
    middle_norm: float

    @property
    def columns(self) -> int:
        """Length of a row."""
        return int(self.mean.size)

    @property
    def terms(self) -> int:
        """Columns, components and the norm."""
        return int(self.low.size)

    def bound(self, query: NDArray[np.float64], *, columns: int) -> Bound:
        """Return the bound that reads the `columns` most telling columns, as the module proves."""
        columns = min(columns, self.columns - 1)
        telling = np.argpartition(-np.abs(query) * self.spread, columns)[:columns]
        within = self.components[:, telling]
        alpha = np.linalg.solve(
            (1 + _RIDGE) * np.eye(len(self.components)) - within @ within.T,
            self.components @ query - within @ query[telling],
        )
        delta = query - alpha @ self.components
        beta = delta[telling]
        delta[telling] = 0.0
        rest = float(np.linalg.norm(delta)) * (1 + 1e-9)
        terms = np.concatenate([telling, np.arange(self.columns, self.terms)])
        weights = np.concatenate([beta, alpha + self.components @ delta, [rest]])
        low, step = self.low[terms], self.step[terms]
        by_code = weights * step
        error = _HALF * float(np.abs(by_code[:-1]).sum())
        base = (
            float(query @ self.mean)
            - float(beta @ self.mean[telling])
            + float(weights @ low)
            + float(by_code[:-1].sum()) / 2
            + float(by_code[-1])
            + error
        )
        order = np.argsort(-np.abs(by_code))
        padding = (0, -order.size % 4)
        return Bound(
            terms=np.pad(terms[order], padding),
            weights=np.pad(by_code[order].astype(np.float32), padding),
            base=base + self._rounding(by_code, base),
            width=2 * error + 2 * rest * self.middle_norm,
        )

    def _rounding(self, by_code: NDArray[np.float64], base: float) -> float:
        """Return a bound on the rounding of the bound's sum in float32, in any order."""
        steps = (by_code.size + 4) * FLOAT32_UNIT_ROUNDOFF
        size = abs(base) + (LEVELS - 1) * float(np.abs(by_code).sum())
        return steps / (1 - steps) * size

    def places(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return ``z`` [shape=(n, d)] and upper bounds of ``|r|`` [shape=(n,)] of rows."""
        centred = rows - self.mean
        z = centred @ self.components.T
        squares = np.einsum("ij,ij->i", centred, centred)
        left = squares - np.einsum("ij,ij->i", z, z) + _NORM_SLACK * squares
        return z, np.sqrt(np.maximum(left, 0.0))

    def encode(
        self,
        rows: NDArray[np.float32],
        z: NDArray[np.floating],
        norms: NDArray[np.floating],
        codes: NDArray[np.uint8],
    ) -> None:
        """Write the codes of rows, [shape=(terms, n)]; `z` and `norms` as from `places`."""
        columns = self.columns
        load_kernels().encode_columns(
            np.ascontiguousarray(rows),
            self.low[:columns].astype(np.float32),
            (1 / self.step[:columns]).astype(np.float32),
            codes,
        )
        levels = (z - self.low[columns:-1]) / self.step[columns:-1]
        codes[columns:-1] = np.clip(levels, 0, LEVELS - 1).astype(np.uint8).T
        upward = np.ceil((norms - self.low[-1]) / self.step[-1] - 1)
        codes[-1] = np.clip(upward, 0, LEVELS - 1).astype(np.uint8)


def principal_components(
    rows: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return mean, components and deviations by column of evenly spaced rows.

    Any orthonormal components give valid bounds; those of the library give narrow ones.
    """
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), _SAMPLE_ROWS)).astype(np.intp)
    sample = rows[chosen].astype(np.float64)
    mean = sample.mean(axis=0)
    centred = sample - mean
    covariance = centred.T @ centred / len(sample)
    vectors = np.linalg.eigh(covariance)[1]
    components = vectors[:, ::-1][:, : min(COMPONENTS, rows.shape[1])].T
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return mean, np.ascontiguousarray(components), spread


def scale_of(
    lowest: NDArray[np.floating], highest: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return `low` and `step` so that all values between these have a level below `LEVELS`.

    Both are float32 values, rounded outwards.
    """
    low = np.nextafter(lowest.astype(np.float32), np.float32(-np.inf))
    width = highest.astype(np.float64) - low.astype(np.float64)
    step = np.maximum(width, 1e-6 + 1e-6 * np.abs(low)) / (LEVELS - 0.01)
    return low.astype(np.float64), step.astype(np.float32).astype(np.float64)
