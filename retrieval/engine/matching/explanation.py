"""Why this sound: the classes by which a recording beats the average one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.spaces.distributions import Distribution
from retrieval.engine.spaces.space import ClassSpace
from retrieval.engine.vocabulary.labels import ClassLabel


@dataclass(frozen=True, slots=True)
class ClassTerm:
    """What one class adds.

    Attributes
    ----------
    label : ClassLabel
        The class.
    scene_share, clip_share : float
        Its probability in the photo and in the recording.
    advantage_nats : float
        By how many nats it makes this recording better than the average one;
        negative where it makes it worse.
    divergence_nats : float
        What it adds to the relative entropy, ``p_c (log p_c - log q_c)``;
        negative where the recording has more of it than the photo.
    """

    label: ClassLabel
    scene_share: float
    clip_share: float
    advantage_nats: float
    divergence_nats: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """The terms of a match, largest first, and what they sum to.

    Attributes
    ----------
    space : str
        The space's name.
    terms : tuple of ClassTerm
        The largest ones.
    rest_nats : float
        What all other classes add together.
    total_nats : float
        ``sum of terms + rest_nats``: how much smaller the divergence is than
        the library's mean divergence from the same photo.
    divergence_nats : float
        The divergence itself: the terms of all classes, the rest's included.
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
    r"""Return the terms :math:`p_c (\log q_c - \overline{\log q_c})`.

    Kept apart from them, each class carries its term of the divergence,
    :math:`p_c (\log p_c - \log q_c)`, which is 0 where :math:`p_c = 0`.

    Parameters
    ----------
    space : Space
        Where photo and recording meet.
    scene : Distribution
        The photo, ``p``.
    clip_log_row : float [shape=(k,)]
        ``log q`` of the recording, in nats.
    library_mean_log_row : float64 [shape=(k,)]
        Mean of ``log q`` over the searched library, in nats.
    count : int
        How many terms to name.

    Returns
    -------
    Explanation
        Terms sorted by advantage, ties by class index.
    """
    log_q = np.asarray(clip_log_row, dtype=np.float64)
    advantages = scene.values * (log_q - library_mean_log_row)
    divergences = _divergence_terms(scene, log_q)
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


def _divergence_terms(scene: Distribution, log_q: NDArray[np.float64]) -> NDArray[np.float64]:
    terms = np.zeros(len(scene))
    present = scene.values > 0
    p = scene.values[present]
    terms[present] = p * (np.log(p) - log_q[present])
    return terms
