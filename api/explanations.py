"""Why a model says what it says: the shape; texts come with a later job."""

from __future__ import annotations

from datetime import datetime
from enum import auto
from typing import Annotated

import strawberry

from api.scalars import Words, described

Locale = Annotated[str | None, strawberry.argument(description="BCP 47 language tag.")]


@described(
    "Ways of writing an explanation.",
    TEMPLATE="Sentence templates over the factors; always available, always reproducible.",
    PLUGIN="By the plugin itself.",
    LANGUAGE_MODEL="By a language model over the factors; numbers checked against them.",
)
class ExplanationSource(Words):
    TEMPLATE = auto()
    PLUGIN = auto()
    LANGUAGE_MODEL = auto()


@strawberry.type(description="One thing that moved a prediction.")
class ExplanationFactor:
    key: str = strawberry.field(description="Machine key, for example `home_attack`.")
    label: str = strawberry.field(description="Label in the viewer's locale.")
    outcome_key: str = strawberry.field(description="Outcome it concerns, for example `home`.")
    contribution: float = strawberry.field(
        description="Change of that outcome's probability, fraction; positive raises it."
    )
    observed: str | None = strawberry.field(
        description="Observed value with its unit, for example `1.9 goals per match`."
    )
    baseline: str | None = strawberry.field(description="Usual value, for comparison.")


@strawberry.type(description="Why a model says what it says.")
class Explanation:
    headline: str = strawberry.field(description="One sentence.")
    summary: str = strawberry.field(description="Two to five sentences.")
    factors: list[ExplanationFactor] = strawberry.field(description="What moved the numbers, largest first.")
    caveats: list[str] = strawberry.field(description="What would change the picture, for example missing line-ups.")
    source: ExplanationSource = strawberry.field(description="How the text was written.")
    locale: str = strawberry.field(description="BCP 47 language tag of the text.")
    generated_at: datetime = strawberry.field(description="When it was written.")
