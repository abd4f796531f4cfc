"""Matchers: named, versioned recipes that turn profiles into one inner product."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retrieval.engine.bank import LEAST_DEVIATION, Bank, classes_bank
from retrieval.engine.distributions import Distribution
from retrieval.engine.divergence import relative_entropy
from retrieval.engine.errors import EngineError, SpaceMismatchError
from retrieval.engine.heard_there import HeardThere, load_heard_there
from retrieval.engine.sounds import SPEECH, TOO_GENERAL
from retrieval.engine.spaces import HeardSpace, Space, heard, objects
from retrieval.engine.strength import (
    Strength,
    explained_share,
    strength_by_sounds,
    strength_by_things,
)

Profiles = Mapping[str, Distribution]
"""Distributions of one photo or one recording by the name of their space."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How good a match is, beyond its place.

    Attributes
    ----------
    divergences_nats : mapping of str to float
        D(photo || recording) by the name of the space.
    explained : float
        Which share of what the photo says the recording explains, at most 1.
    standard : float
        By how many deviations the recording fits this photo better than the bank's photos.
    strength : Strength
        The same in a word.
    """

    divergences_nats: Mapping[str, float]
    explained: float
    standard: float
    strength: Strength


class Matcher(ABC):
    r"""Score recordings for a photo by one inner product.

    .. math:: s = a(\text{photo}) \cdot b(\text{clip})

    Every matcher has this form, in concatenated spaces, so that one exact index serves all.

    Attributes
    ----------
    name : str
        What users choose.
    version : int
        Raised with every change that may change a ranking, other than by models, table or bank.
    bank : Bank
        Against which scores are judged.
    """

    name: str
    version: int

    def __init__(self, spaces: tuple[Space, ...], bank: Bank) -> None:
        self.spaces = spaces
        self.bank = bank

    @property
    def image_models(self) -> dict[str, str]:
        """The version of each space's image side, by the space's name."""
        return {space.name: space.image_model for space in self.spaces}

    @property
    def audio_models(self) -> dict[str, str]:
        """The version of each space's audio side, by the space's name."""
        return {space.name: space.audio_model for space in self.spaces}

    def scene(self, views: ArrayLike) -> dict[str, Distribution]:
        """Return a photo's profiles, by the name of the space.

        Parameters
        ----------
        views : array_like [shape=(n, classes)]
            What the image model says of each view of the photo, the centre first.
        """
        return {space.name: space.scene_profile(views) for space in self.spaces}

    def told_in(self, scene: Profiles) -> Space:
        """Return the space in which a photo's matches are judged and explained."""
        return self.spaces[-1]

    @property
    @abstractmethod
    def columns(self) -> int:
        """Length of ``a`` and ``b``."""

    @property
    @abstractmethod
    def rows_version(self) -> str:
        """Stands for everything but the profiles that ``b`` depends on."""

    @abstractmethod
    def query(self, scene: Profiles) -> NDArray[np.float64]:
        """Return ``a``, float64 of shape (columns,), from a photo's profiles.

        Raises
        ------
        SpaceMismatchError
            If a profile is missing or has the wrong number of classes.
        """

    @abstractmethod
    def row(self, clip: Profiles) -> NDArray[np.float32]:
        """Return ``b``, float32 of shape (columns,), from a recording's profiles.

        Raises
        ------
        SpaceMismatchError
            If a profile is missing or has the wrong number of classes.
        """

    def log_rows(self, clip: Profiles) -> dict[str, NDArray[np.float64]]:
        """Return ``log q`` of a recording in each space, in nats, by the space's name."""
        return {space.name: space.log_row(profile_in(clip, space)) for space in self.spaces}

    def judge(self, scene: Profiles, clip: Profiles) -> Judgement:
        """Return how good a match is, beyond its place."""
        divergences = {
            space.name: relative_entropy(profile_in(scene, space), profile_in(clip, space))
            for space in self.spaces
        }
        space = self.told_in(scene)
        p = profile_in(scene, space)
        log_row = space.log_row(profile_in(clip, space))
        mean, deviation = self.bank.moments[space.name].of_scores(log_row)
        standard = (float(p.values @ log_row) - mean) / deviation
        explained = explained_share(p, divergences[space.name])
        if isinstance(space, HeardSpace):
            explained *= self.telling_share(scene)
            strength = strength_by_sounds(explained=explained, standard=standard)
        else:
            strength = strength_by_things(standard=standard)
        return Judgement(divergences, explained, standard, strength)

    def telling_share(self, scene: Profiles) -> float:
        """Return the share of a photo's classes that say something about its sounds."""
        return 1.0


class PaperMatcher(Matcher):
    r"""The paper's: least relative entropy in one space, and nothing else.

    For one photo, :math:`\sum p \log p` is constant, so the largest :math:`p \cdot \log q` has the
    least relative entropy.
    """

    version = 1

    def __init__(self, space: Space, bank: Bank, *, name: str = "paper") -> None:
        super().__init__((space,), bank)
        self.name = name

    @property
    def columns(self) -> int:
        """As many as the space has classes."""
        return len(self.spaces[0])

    @property
    def rows_version(self) -> str:
        """The logarithm depends on nothing else."""
        return "log"

    def query(self, scene: Profiles) -> NDArray[np.float64]:
        """Return the photo's distribution."""
        return profile_in(scene, self.spaces[0]).values

    def row(self, clip: Profiles) -> NDArray[np.float32]:
        """Return the logarithm of the recording's distribution."""
        return self.log_rows(clip)[self.spaces[0].name].astype(np.float32)


class EarMatcher(Matcher):
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
    anywhere : float64 [shape=(classes heard,)], optional
        How much of each sound one hears anywhere; as `sounds.table` has it by default.
    """

    version = 1

    def __init__(
        self,
        name: str,
        *,
        things: Space,
        sounds: HeardSpace,
        bank: Bank,
        things_always: float,
        things_when_mute: float,
        speech_penalty: float,
        oddness_penalty: float,
        anywhere: NDArray[np.float64] | None = None,
    ) -> None:
        super().__init__((things, sounds), bank)
        self.name = name
        self.things = things
        self.sounds = sounds
        self.things_always = things_always
        self.things_when_mute = things_when_mute
        self.speech_penalty = speech_penalty
        self.oddness_penalty = oddness_penalty
        self._anywhere = sounds.table.anywhere if anywhere is None else anywhere

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
        odd[_positions(self.sounds, TOO_GENERAL)] = 0.0
        return odd

    def telling_share(self, scene: Profiles) -> float:
        """Return the share of a photo's classes that say something about its sounds."""
        seen = profile_in(scene, self.things).values
        return float(seen[self.sounds.table.telling].sum())

    def told_in(self, scene: Profiles) -> Space:
        """Return the space of sounds, unless the photo says next to nothing of them."""
        return self.sounds if self.telling_share(scene) >= LEAST_TELLING else self.things

    def _desertedness(self, scene: Profiles) -> float:
        """Return how natural a scenery is and how little of people one would hear in it, 0 to 1."""
        natural = float(profile_in(scene, self.things).values[self.sounds.table.natural].sum())
        people = float(profile_in(scene, self.sounds).values[self._people].sum())
        return natural * max(0.0, 1 - people / PEOPLE_SHARE)

    @cached_property
    def _speech(self) -> NDArray[np.intp]:
        return _positions(self.sounds, SPEECH)

    @cached_property
    def _people(self) -> NDArray[np.intp]:
        return _positions(self.sounds, SPEECH | PEOPLE)


PEOPLE: Final = frozenset(
    {
        "Hubbub, speech noise, speech babble", "Chatter", "Crowd", "Children playing",
        "Children shouting", "Shout", "Yell", "Laughter", "Cheering", "Applause",
    }
)  # fmt: skip

PEOPLE_SHARE: Final = 0.1
"""From this share of voices on, speech belongs to the place."""

THINGS_BESIDE_SOUNDS: Final = 0.3
"""A deviation among things counts as much as 0.3 nats among sounds."""

SPEECH_PENALTY: Final = 3.0

ODDNESS_PENALTY: Final = 0.07
MOST_ODDNESS: Final = 15.0
LEAST_ANYWHERE: Final = 1e-3
"""How much of any sound there is anywhere, at least."""


LEAST_TELLING: Final = 0.2
"""A photo of which less says something about sounds is judged and explained by its things."""

_DIGEST_DIGITS: Final = 12


def _positions(space: Space, names: frozenset[str]) -> NDArray[np.intp]:
    found = [label.index for label in space.vocabulary if label.name in names]
    return np.array(found, dtype=np.intp)


def profile_in(profiles: Profiles, space: Space) -> Distribution:
    """Return the profile in a space.

    Raises
    ------
    SpaceMismatchError
        If it is missing or has the wrong number of classes.
    """
    try:
        profile = profiles[space.name]
    except KeyError:
        raise SpaceMismatchError(
            f"no profile in space {space.name!r}, only in {sorted(profiles)}"
        ) from None
    if len(profile) != len(space):
        raise SpaceMismatchError(
            f"space {space.name!r} has {len(space)} classes, the profile {len(profile)}"
        )
    return profile


def paper() -> Matcher:
    """Return the paper's matcher: relative entropy among ImageNet's classes, nothing else."""
    space = objects()
    return PaperMatcher(space, classes_bank((space,)))


def heard_matcher(table: HeardThere | None = None, bank: Bank | None = None) -> Matcher:
    """Return the matcher by sounds; photos that say little of sounds lean on their things."""
    return _ear("heard", table, bank, things_always=0.0, things_when_mute=THINGS_BESIDE_SOUNDS)


def fused(table: HeardThere | None = None, bank: Bank | None = None) -> Matcher:
    """Return the matcher by sounds and things."""
    return _ear("fused", table, bank, things_always=THINGS_BESIDE_SOUNDS, things_when_mute=0.0)


def _ear(
    name: str,
    table: HeardThere | None,
    bank: Bank | None,
    *,
    things_always: float,
    things_when_mute: float,
) -> Matcher:
    things, sounds = objects(whole=True), heard(table)
    return EarMatcher(
        name,
        things=things,
        sounds=sounds,
        bank=bank or classes_bank((things, sounds)),
        things_always=things_always,
        things_when_mute=things_when_mute,
        speech_penalty=SPEECH_PENALTY,
        oddness_penalty=ODDNESS_PENALTY,
        anywhere=load_heard_there().anywhere,  # an override changes photos, not a library's rows
    )


MATCHERS: Final = ("paper", "heard", "fused")


def matcher_named(
    name: str, *, table: HeardThere | None = None, bank: Bank | None = None
) -> Matcher:
    """Return a matcher by its name.

    Parameters
    ----------
    name : str
        One of `MATCHERS`.
    table : HeardThere, optional
        What one hears where; the project's own by default. The paper's matcher needs none.
    bank : Bank, optional
        Photos against which scores are judged; by default every class once. The paper's matcher
        stays as it was published and takes none.

    Raises
    ------
    EngineError
        With code ``matcher_unknown`` if there is none of that name.
    """
    if name == "paper":
        return paper()
    makers = {"heard": heard_matcher, "fused": fused}
    if name not in makers:
        raise EngineError(
            f"no matcher is called {name!r}; there are: {', '.join(MATCHERS)}",
            code="matcher_unknown",
        )
    return makers[name](table, bank)
