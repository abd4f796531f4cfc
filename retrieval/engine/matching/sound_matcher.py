"""The matcher by ear: what one would hear in the scenery, joined by what one sees in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.matching.bank import LEAST_DEVIATION, Bank
from retrieval.engine.matching.matcher import Matcher, Profiles, profile_in
from retrieval.engine.spaces.distributions import Distribution
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
    """Names of sounds that count in a way of their own; all of them in the matcher's vocabulary.

    Attributes
    ----------
    speech : frozenset of str
        What is kept out of places without people.
    people : frozenset of str
        What tells, beside speech, that there are people.
    too_general : frozenset of str
        What only repeats other sounds in general terms, and so is never odd.
    """

    speech: frozenset[str]
    people: frozenset[str]
    too_general: frozenset[str]


AUDIOSET_KINDS: Final = KindsOfSound(speech=SPEECH, people=PEOPLE, too_general=TOO_GENERAL)

PEOPLE_SHARE: Final = 0.1
"""From this share of voices on, speech belongs to the place."""

MOST_ODDNESS: Final = 15.0
LEAST_ANYWHERE: Final = 1e-3
"""How much of any sound there is anywhere, at least."""


LEAST_TELLING: Final = 0.2
"""A photo of which less says something about sounds is judged and explained by its things."""

_DIGEST_DIGITS: Final = 12


class SoundMatcher(Matcher):
    r"""Least relative entropy among sounds, joined by a standard score among things.

    .. math:: s = m \; t \cdot \log q^{\mathrm{heard}}
              + w \, \frac{p \cdot \log q^{\mathrm{objects}} - \mu}{\sigma}
              - \lambda \, u \, v - \kappa \, o

    `m` is the share of the photo's classes that say something about its sounds; `w` is how much
    the things count beside them; `\mu` and `\sigma` are the recording's mean and deviation over a
    bank of photos. The third term keeps speech out of places without people: `v` is the share of
    speech in the recording, `u` how natural and deserted the photo's scenery is. The last keeps
    out what hardly any place sounds like: `o` is the recording's `oddness`.

    It is one inner product: `-\mu/\sigma`, `-v` and `-o` are columns of ``b`` of their own. Two
    matchers that differ in their weights alone share their rows, and so one index.

    Parameters
    ----------
    things_always, things_when_mute : float
        ``w = things_always + things_when_mute (1 - m)``.
    speech_penalty : float
        Lambda, in nats for a recording that is all speech.
    oddness_penalty : float
        Kappa: what each nat of oddness costs.
    anywhere : float64 [shape=(classes heard,)]
        How much of each sound one hears anywhere.
    kinds : KindsOfSound
        Which sounds are speech, voices, or words too general to be odd.

    Raises
    ------
    VocabularyError
        If `kinds` names a sound that the space does not know (code ``unknown_class``).
    """

    version = 1

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
        """The classes of both spaces; the bank's mean; speech; oddness."""
        return len(self.things) + 1 + len(self.sounds) + 2

    @property
    def rows_version(self) -> str:
        """Rows depend on how the bank scores things, and on what one hears anywhere."""
        anywhere = hashlib.sha256(self._anywhere.tobytes()).hexdigest()[:_DIGEST_DIGITS]
        return f"ear-v{self.version}-{self.bank.versions[self.things.name]}-{anywhere}"

    def query(self, scene: Profiles) -> NDArray[np.float64]:
        """Return both distributions weighted, the things' weight, and the penalties."""
        telling = self.telling_share(scene)
        things = self.things_always + self.things_when_mute * (1 - telling)
        return np.concatenate(
            [
                things * profile_in(scene, self.things).values,
                [things],
                telling * profile_in(scene, self.sounds).values,
                [self.speech_penalty * self._desertedness(scene), self.oddness_penalty],
            ]
        )

    def row(self, clip: Profiles) -> NDArray[np.float32]:
        """Return both logarithms, the things' one standardised, minus speech, minus oddness."""
        rows = self.log_rows(clip)
        log_things = rows[self.things.name]
        mean, deviation = self.bank.moments[self.things.name].of_scores(log_things)
        if deviation <= LEAST_DEVIATION:  # it tells no photos apart: no thing speaks for it
            log_things, mean = np.zeros_like(log_things), 0.0
        heard = profile_in(clip, self.sounds)
        speech = float(heard.values[self._speech].sum())
        return np.concatenate(
            [
                log_things / deviation,
                [-mean / deviation],
                rows[self.sounds.name],
                [-speech, -self.oddness(heard)],
            ]
        ).astype(np.float32)

    def oddness(self, clip: Distribution) -> float:
        r"""Return how little a recording's sounds belong to any place, in nats, at least 0.

        .. math:: o = \sum_h s_h \log \frac{\max_j \pi_j}{\pi_h}

        `s` are its scores, `\pi` what one hears anywhere (`HeardThere.anywhere`), with a floor. At
        most `MOST_ODDNESS`: what is odd in every way is no odder for one more. Birds, wind and
        water are at home in many places; gunfire and purring in few, and a recording of them needs
        a photo that asks for them. Sounds in general terms do not count.
        """
        return min(MOST_ODDNESS, float(self.sounds.scores(clip) @ self._oddness_of_sounds))

    @cached_property
    def _oddness_of_sounds(self) -> NDArray[np.float64]:
        anywhere = self._anywhere + LEAST_ANYWHERE
        odd: NDArray[np.float64] = np.log(anywhere.max() / anywhere)
        odd[self._too_general] = 0.0
        return odd

    def telling_share(self, scene: Profiles) -> float:
        """Return the share of a photo's classes that say something about its sounds."""
        seen = profile_in(scene, self.things).values
        return float(seen[self.sounds.table.audible].sum())

    def told_in(self, scene: Profiles) -> ClassSpace:
        """Return the space of sounds, unless the photo says next to nothing of them."""
        return self.sounds if self.telling_share(scene) >= LEAST_TELLING else self.things

    def _desertedness(self, scene: Profiles) -> float:
        """Return how natural a scenery is and how little of people one would hear in it, 0 to 1."""
        natural = float(profile_in(scene, self.things).values[self.sounds.table.natural].sum())
        people = float(profile_in(scene, self.sounds).values[self._people].sum())
        return natural * max(0.0, 1 - people / PEOPLE_SHARE)
