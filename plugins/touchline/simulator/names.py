"""Names of clubs that do not exist."""

from __future__ import annotations

from typing import Final

import numpy as np

_STEMS: Final = tuple(
    """Amber Brack Cinder Dapple Ember Fallow Gossamer Hazel Ivory Juniper Kestrel Lantern
    Marrow Nettle Otter Pewter Quill Russet Sorrel Thistle Umber Velvet Willow Yarrow""".split()  # noqa: SIM905
)
_ENDINGS: Final = tuple("wick hythe moor combe holt mere stead garth wold fell thorpe haven".split())  # noqa: SIM905
_STYLES: Final = ("", "", " United", " City", " Rovers", " Athletic", " Albion", " Wanderers", " Town")

MOST_CLUBS: Final = len(_STEMS) * len(_ENDINGS)


def club_names(count: int, rng: np.random.Generator) -> tuple[str, ...]:
    """So many different names of places, some with a club's style; raises ValueError above `MOST_CLUBS`."""
    places = [stem + ending for stem in _STEMS for ending in _ENDINGS]
    chosen = rng.choice(len(places), size=count, replace=False)
    styles = rng.choice(len(_STYLES), size=count)
    return tuple(places[place] + _STYLES[style] for place, style in zip(chosen, styles, strict=True))
