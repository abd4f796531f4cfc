"""The matcher by sounds: relative entropy among sounds, with a standard score among things."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.matching.bank import MIN_DEVIATION, Bank
from retrieval.engine.matching.matcher import Matcher, Profiles, profile_in
from retrieval.engine.matching.strength import Evidence, explained_share, fit_of
from retrieval.engine.spaces.distributions import Distribution
from retrieval.engine.spaces.divergence import relative_entropy
from retrieval.engine.spaces.space import ClassSpace, HeardSpace
from retrieval.engine.vocabulary.sounds import SPEECH, TOO_GENERAL

PEOPLE: Final = frozenset(
    {
        "Hubbub, speech noise, speech babble", "Chatter", "Crowd", "Children playing",
        "Children shouting", "Shout", "Yell", "Laughter", "Cheering", "Applause",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KindsOfSound:
    """Names of sounds with a special role; all must be in the matcher's vocabulary."""

    speech: frozenset[str]  # penalised in places without people
    people: frozenset[str]  # indicate people, in addition to speech
    too_general: frozenset[str]  # only generalise other sounds; do not count as odd


AUDIOSET_KINDS: Final = KindsOfSound(speech=SPEECH, people=PEOPLE, too_general=TOO_GENERAL)

PEOPLE_SHARE: Final = 0.1
"""Share of people's sounds, speech included, in a photo from which speech is not penalised."""

MAX_ODDNESS: Final = 15.0
ANYWHERE_FLOOR: Final = 1e-3
"""Added to the share of every sound in any place, so that its logarithm is finite."""

MIN_AUDIBLE_SHARE: Final = 0.2
"""A photo with a smaller audible share is judged and explained by its things."""

_ROWS_VERSION: Final = 1
_DIGEST_DIGITS: Final = 12


class SoundMatcher(Matcher):
    r"""Score by relative entropy among sounds and by a standard score among things.

    .. math:: s = m \; t \cdot \log q^{\mathrm{heard}}
              + w \, \frac{p \cdot \log q^{\mathrm{objects}} - \mu}{\sigma}
              - \lambda \, u \, v - \kappa \, o

    `m` is the photo's audible share (`audible_share`), `t` its distribution over sounds, `p` over
    things, `w` the weight of things; `\mu` and `\sigma` are the mean and deviation over a bank of
    photos of the recording's score among things. The third term penalises speech in places
    without people: `v` is the share of speech in the recording, `u` how natural and unpopulated
    the photo's scenery is, 0 to 1. The last term penalises sounds that occur in few places: `o` is
    the recording's `oddness`.

    It is one inner product: `-\mu/\sigma`, `-v` and `-o` are additional columns of ``b``. Matchers
    that differ only in their weights have equal rows and share one index.

    Parameters
    ----------
    things, sounds : ClassSpace, HeardSpace
        The spaces `objects`, of ImageNet's classes, and `heard`, of AudioSet's.
    things_always, things_when_mute : float
        ``w = things_always + things_when_mute (1 - m)``.
    speech_penalty : float
        Lambda, in nats for a recording that is all speech.
    oddness_penalty : float
        Kappa, the cost of one nat of oddness.
    anywhere : float64 [shape=(classes heard,)]
        Share of each sound in any place (`HeardThere.anywhere`).

    Raises
    ------
    VocabularyError
        If `kinds` names a sound that is not in the space (code ``unknown_class``).
    """

    version = 2  # 1 had no order by length, and strengths by the explained share alone
    prefers_length = True

    def __init__(
        self,
        name: str,
        *,
        things: ClassSpace,
        sounds: HeardSpace,
        bank: Bank,
        things_always: float,
        things_when_mute: float,
        speech_penalty: float,
        oddness_penalty: float,
        anywhere: NDArray[np.float64],
        kinds: KindsOfSound = AUDIOSET_KINDS,
    ) -> None:
        super().__init__((things, sounds), bank)
        self.name = name
        self.things = things
        self.sounds = sounds
        self.things_always = things_always
        self.things_when_mute = things_when_mute
        self.speech_penalty = speech_penalty
        self.oddness_penalty = oddness_penalty
        self._anywhere = anywhere
        positions = sounds.vocabulary.positions
        self._speech = positions(kinds.speech)
        self._people = positions(kinds.speech | kinds.people)
        self._too_general = positions(kinds.too_general)

    @property
    def columns(self) -> int:
        """The classes of both spaces, the bank's mean, speech and oddness."""
        return len(self.things) + 1 + len(self.sounds) + 2

    @property
    def rows_version(self) -> str:
        """Rows depend on the bank's moments among things and on `anywhere`."""
        anywhere = hashlib.sha256(self._anywhere.tobytes()).hexdigest()[:_DIGEST_DIGITS]
        return f"sound-v{_ROWS_VERSION}-{self.bank.versions[self.things.name]}-{anywhere}"

    def query(self, scene: Profiles) -> NDArray[np.float64]:
        """Return ``w p``, ``w``, ``m t``, and the weights of speech and oddness."""
        audible = self.audible_share(scene)
        things = self.things_always + self.things_when_mute * (1 - audible)
        return np.concatenate(
            [
                things * profile_in(scene, self.things).values,
                [things],
                audible * profile_in(scene, self.sounds).values,
                [self.speech_penalty * self._wildness(scene), self.oddness_penalty],
            ]
        )

    def row(self, clip: Profiles) -> NDArray[np.float32]:
        """Return standardised ``log q`` of things, ``log q`` of sounds, ``-v`` and ``-o``."""
        rows = self.log_rows(clip)
        log_things = rows[self.things.name]
        mean, deviation = self.bank.moments[self.things.name].of_scores(log_things)
        if deviation <= MIN_DEVIATION:  # it scores all photos alike: ignore its things
            log_things, mean = np.zeros_like(log_things), 0.0
        sounds = profile_in(clip, self.sounds)
        speech = float(sounds.values[self._speech].sum())
        return np.concatenate(
            [
                log_things / deviation,
                [-mean / deviation],
                rows[self.sounds.name],
                [-speech, -self.oddness(sounds)],
            ]
        ).astype(np.float32)

    def oddness(self, clip: Distribution) -> float:
        r"""Return how rare a recording's sounds are in all places, in nats, 0 to `MAX_ODDNESS`.

        .. math:: o = \sum_h s_h \log \frac{\max_j \pi_j}{\pi_h}

        `s` are its scores, `\pi` the share of each sound in any place plus `ANYWHERE_FLOOR`. Birds,
        wind and water occur in many places; gunfire and purring in few, so a recording of them
        should match only a photo that indicates them. Labels in general terms do not count.
        """
        return min(MAX_ODDNESS, float(self.sounds.scores(clip) @ self._oddness_of_sounds))

    @cached_property
    def _oddness_of_sounds(self) -> NDArray[np.float64]:
        anywhere = self._anywhere + ANYWHERE_FLOOR
        oddness: NDArray[np.float64] = np.log(anywhere.max() / anywhere)
        oddness[self._too_general] = 0.0
        return oddness

    def audible_share(self, scene: Profiles) -> float:
        """Return the probability of a photo's audible classes, those with sounds in the table."""
        seen = profile_in(scene, self.things).values
        return float(seen[self.sounds.table.audible].sum())

    def judged_space(self, scene: Profiles) -> ClassSpace:
        """Return `heard`, or `objects` if the photo's audible share is too small."""
        return self.sounds if self.audible_share(scene) >= MIN_AUDIBLE_SHARE else self.things

    def fits(
        self,
        scene: Profiles,
        clips: Sequence[Profiles],
        *,
        library_mean_log_rows: Mapping[str, NDArray[np.float64]],
    ) -> list[float]:
        """Return how probably each match of one result is good, 0 to 1; see `Evidence`."""
        found = self.evidence(scene, clips, library_mean_log_rows=library_mean_log_rows)
        return [fit_of(one) for one in found]

    def evidence(
        self,
        scene: Profiles,
        clips: Sequence[Profiles],
        *,
        library_mean_log_rows: Mapping[str, NDArray[np.float64]],
    ) -> list[Evidence]:
        """Return the evidence for each match of one result; parameters as of `fits`."""
        seen, heard = profile_in(scene, self.things), profile_in(scene, self.sounds)
        audible = self.audible_share(scene)
        first = 0.0
        found: list[Evidence] = []
        for clip in clips:
            rows = self.log_rows(clip)
            if not found:
                better = rows[self.sounds.name] - library_mean_log_rows[self.sounds.name]
                first = audible * float(heard.values @ better)
            mean, deviation = self.bank.moments[self.things.name].of_scores(rows[self.things.name])
            profile = profile_in(clip, self.sounds)
            divergence = relative_entropy(heard, profile)
            found.append(
                Evidence.of_match(
                    explained=audible * explained_share(heard, divergence),
                    detected=float(self.sounds.scores(profile) @ heard.values),
                    audible=audible,
                    advantage_nats=first,
                    things=(float(seen.values @ rows[self.things.name]) - mean) / deviation,
                )
            )
        return found

    def _wildness(self, scene: Profiles) -> float:
        """Return how natural and unpopulated a photo's scenery is, 0 to 1."""
        natural = float(profile_in(scene, self.things).values[self.sounds.table.natural].sum())
        people = float(profile_in(scene, self.sounds).values[self._people].sum())
        return natural * max(0.0, 1 - people / PEOPLE_SHARE)
