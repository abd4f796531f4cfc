"""Explanation of a match: the classes in which a recording fits better than the average one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.spaces.distributions import Distribution
from retrieval.engine.spaces.space import ClassSpace
from retrieval.engine.vocabulary.labels import ClassLabel


@dataclass(frozen=True, slots=True)
class ClassTerm:
    """Contribution of one class to a match.

    Attributes
    ----------
    scene_share, clip_share : float
        Its probability in the photo, ``p_c``, and in the recording, ``q_c``.
    advantage_nats : float
        ``p_c (log q_c - mean log q_c)`` over the library; negative where the recording fits worse
        than the average one.
    divergence_nats : float
        Its term of the relative entropy, ``p_c (log p_c - log q_c)``; negative where the recording
        has more of the class than the photo.
    """

    label: ClassLabel
    scene_share: float
    clip_share: float
    advantage_nats: float
    divergence_nats: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """The largest terms of a match in one space, and the sums over all classes.

    Attributes
    ----------
    terms : tuple of ClassTerm
        Those with the largest advantage, largest first.
    rest_nats : float
        Sum of the advantages of all other classes.
    total_nats : float
        Sum of the advantages of all classes: the library's mean divergence from the photo minus
        this recording's.
    divergence_nats : float
        The relative entropy ``D(p || q)``, summed over all classes.
    """

    space: str
    terms: tuple[ClassTerm, ...]
    rest_nats: float
    total_nats: float
    divergence_nats: float


def explain(
    space: ClassSpace,
    *,
    scene: Distribution,
    clip_log_row: NDArray[np.floating],
    library_mean_log_row: NDArray[np.float64],
    count: int = 5,
) -> Explanation:
    r"""Return the `count` largest advantages :math:`p_c (\log q_c - \overline{\log q_c})`.

    Ties are sorted by class index. A term of the divergence, :math:`p_c (\log p_c - \log q_c)`, is
    0 where :math:`p_c = 0`.

    Parameters
    ----------
    scene : Distribution
        The photo, ``p``.
    clip_log_row : float [shape=(k,)]
        ``log q`` of the recording, in nats.
    library_mean_log_row : float64 [shape=(k,)]
        Mean of ``log q`` over the searched library, in nats.
    """
    log_q = np.asarray(clip_log_row, dtype=np.float64)
    advantages = scene.values * (log_q - library_mean_log_row)
    present = scene.values > 0
    p = scene.values[present]
    divergences = np.zeros(len(scene))
    divergences[present] = p * (np.log(p) - log_q[present])
    order = np.argsort(-advantages, kind="stable")[:count]
    terms = tuple(
        ClassTerm(
            label=space.vocabulary[int(index)],
            scene_share=float(scene.values[index]),
            clip_share=float(np.exp(log_q[index])),
            advantage_nats=float(advantages[index]),
            divergence_nats=float(divergences[index]),
        )
        for index in order
    )
    total = float(advantages.sum())
    return Explanation(
        space=space.name,
        terms=terms,
        rest_nats=total - sum(term.advantage_nats for term in terms),
        total_nats=total,
        divergence_nats=float(divergences.sum()),
    )
