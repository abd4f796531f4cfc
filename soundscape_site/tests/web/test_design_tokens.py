"""The design tokens: enough contrast in every pair; no colour or length is defined elsewhere."""

from __future__ import annotations

import re
from itertools import pairwise, product
from pathlib import Path
from typing import Final

import pytest

from soundscape_site.settings.paths import BASE_DIR

CSS: Final = BASE_DIR / "static" / "css"
OTHER_SHEETS: Final = sorted(path for path in CSS.glob("*.css") if path.name != "tokens.css")

WORDS: Final = ("text", "text-muted", "act", "good", "fair", "bad")
GROUNDS: Final = ("ground", "ground-raised", "ground-high")
# Straight on a photo bad news is written in --text beside a mark: brick is too dark for a scrim.
WORDS_ON_PHOTOS: Final = tuple(word for word in WORDS if word != "bad")
WORST_PHOTOS: Final = {"dark": (255.0, 255.0, 255.0), "light": (0.0, 0.0, 0.0)}
"""By theme: a photo whose brightness is that of the words on it."""

READABLE: Final = 4.5
SET_BY_SCRIPTS: Final = {"played", "level"}

NAMED_COLOURS: Final = (
    "aqua|black|blue|fuchsia|gold|gray|green|grey|lime|maroon|navy|olive|orange|pink|purple|red|"
    "silver|tan|teal|tomato|violet|white|yellow"
)

LIGHT_DARK: Final = re.compile(r"light-dark\(((?:[^,()]|\([^)]*\))+), ((?:[^,()]|\([^)]*\))+)\)")

Rgb = tuple[float, float, float]


def without_comments(sheet: str) -> str:
    return re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)


def declarations(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):\s*([^;]+);", block))


def themes() -> dict[str, dict[str, str]]:
    sheet = without_comments((CSS / "tokens.css").read_text())
    blocks = dict(re.findall(r"^([^\s@{][^{]*?)\s*\{(.*?)^\}", sheet, re.DOTALL | re.MULTILINE))
    tokens = declarations(blocks[":root"])
    return {
        theme: {name: LIGHT_DARK.sub(rf"\{group}", value) for name, value in tokens.items()}
        for group, theme in enumerate(("light", "dark"), start=1)
    }


THEMES: Final = themes()


def colour(value: str) -> tuple[Rgb, float]:
    """Return red, green, blue (0 to 255) and opacity of a token's value."""
    if match := re.fullmatch(r"#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})", value):
        red, green, blue = (float(int(part, 16)) for part in match.groups())
        return (red, green, blue), 1.0
    match = re.fullmatch(r"rgb\((\d+) (\d+) (\d+) / (\d+)%\)", value)
    assert match, f"not a colour this test can read: {value}"
    red, green, blue, opacity = (float(part) for part in match.groups())
    return (red, green, blue), opacity / 100


def laid_over(value: str, below: Rgb) -> Rgb:
    """Return the blend of a translucent colour over another."""
    top, opacity = colour(value)
    red, green, blue = (
        opacity * above + (1 - opacity) * under for above, under in zip(top, below, strict=True)
    )
    return red, green, blue


def luminance(rgb: Rgb) -> float:
    """Return the relative luminance of WCAG 2."""
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in rgb)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Rgb, other: Rgb) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_agrees_with_known_pairs():
    white, black = (255.0, 255.0, 255.0), (0.0, 0.0, 0.0)
    assert contrast(white, black) == pytest.approx(21.0)
    # The lightest grey that passes on white, and the next one, which does not.
    assert contrast(colour("#767676")[0], white) == pytest.approx(4.54, abs=0.005)
    assert contrast(colour("#777777")[0], white) == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize(("theme", "word", "ground"), list(product(THEMES, WORDS, GROUNDS)))
def test_words_are_readable_on_every_ground(theme: str, word: str, ground: str):
    tokens = THEMES[theme]
    assert contrast(colour(tokens[word])[0], colour(tokens[ground])[0]) >= READABLE


@pytest.mark.parametrize("theme", THEMES)
def test_words_on_the_acting_colour_are_readable(theme: str):
    tokens = THEMES[theme]
    assert contrast(colour(tokens["on-act"])[0], colour(tokens["act"])[0]) >= READABLE


@pytest.mark.parametrize(("theme", "word"), list(product(THEMES, WORDS_ON_PHOTOS)))
def test_words_are_readable_over_any_photo(theme: str, word: str):
    tokens = THEMES[theme]
    ground = laid_over(tokens["veil"], WORST_PHOTOS[theme])
    assert contrast(colour(tokens[word])[0], ground) >= READABLE


@pytest.mark.parametrize("word", WORDS_ON_PHOTOS)
def test_words_are_readable_on_a_scrim_which_is_dark_in_both_themes(word: str):
    ground = laid_over(THEMES["light"]["scrim"], WORST_PHOTOS["dark"])
    assert contrast(colour(THEMES["dark"][word])[0], ground) >= READABLE


@pytest.mark.parametrize(("theme", "word"), list(product(THEMES, WORDS)))
def test_words_are_readable_on_a_card_over_any_photo(theme: str, word: str):
    tokens = THEMES[theme]
    ground = laid_over(tokens["glass"], laid_over(tokens["veil"], WORST_PHOTOS[theme]))
    assert contrast(colour(tokens[word])[0], ground) >= READABLE


def test_sizes_and_spaces_grow():
    for kind, count in (("size", 4), ("space", 7)):
        steps = [THEMES["dark"][f"{kind}-{step}"] for step in range(1, count + 1)]
        lengths = [float(value.removesuffix("rem")) for value in steps]
        assert all(one < other for one, other in pairwise(lengths))


def test_the_smallest_text_has_14_pixels():
    assert THEMES["light"]["size-1"] == "0.875rem"


@pytest.mark.parametrize("sheet", OTHER_SHEETS, ids=lambda path: path.name)
def test_only_the_tokens_name_colours_and_lengths(sheet: Path):
    source = without_comments(sheet.read_text())
    # The pixel-free `em` of a breakpoint is the one length a token cannot stand for.
    source = re.sub(r"@media[^{]*\{", "{", source)
    values = " ".join(re.findall(r":([^;{}]+);", source))
    found = re.findall(r"#[0-9a-fA-F]{3,8}\b", values)
    found += re.findall(r"\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|color)\(", values)
    found += re.findall(rf"(?<![\w-])(?:{NAMED_COLOURS})(?![\w-])", values)
    found += re.findall(r"(?<![\w-])[\d.]+(?:px|rem|pt|pc|cm|mm|in)\b", values)
    assert found == []


def test_every_token_that_is_used_exists_and_every_one_that_exists_is_used():
    sheets = [without_comments(path.read_text()) for path in CSS.glob("*.css")]
    used = {name for sheet in sheets for name in re.findall(r"var\(--([\w-]+)", sheet)}
    local = {name for path in OTHER_SHEETS for name in declarations(path.read_text())}
    tokens = set(THEMES["dark"])
    assert used - tokens - local == SET_BY_SCRIPTS
    assert tokens - used == set()
