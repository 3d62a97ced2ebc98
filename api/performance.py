"""How bettors do: figures, figures by league and so on, and balances over time. Skill and luck are kept apart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from api.batch import batch, derived
from api.bet_filters import BetFilter
from api.care import PeriodType
from api.explanations import Locale
from api.leagues import League
from api.models import Model
from api.odds_bookmakers import Bookmaker
from api.rows import Rows
from api.scalars import DateTimeRange, Interval, MarketKind, Money, described, given
from domain import money
from domain.accounts.people import Viewer
from domain.bets.record.curve import Point, equity_curve, movements
from domain.bets.record.groups import Dimension, Group, split
from domain.bets.record.labels import label
from domain.bets.record.luck import Judgement, Verdict
from domain.bets.record.metrics import Capital, Metrics
from domain.bets.record.rows import SEVERAL, TYPED, UNKNOWN, Bets, Ledger, Span, chosen_bets, ledgers
from domain.bets.record.sentence import sentence
from domain.infra.errors import Invalid
from domain.markets.queries import own_kinds
from domain.money import MoneyError

if TYPE_CHECKING:
    from api.bankrolls import Bankroll

During = Annotated[
    DateTimeRange | None,
    strawberry.argument(
        description="Span in which bets were settled, and pending ones placed; everything when omitted."
    ),
]

PerformanceDimension = Dimension
described(
    "Ways to split performance. Days, weeks and months are those of settlement, in the user's time zone.",
    name="PerformanceDimension",
    LEAGUE="League.",
    MARKET="Market kind.",
    BOOKMAKER="Bookmaker.",
    MODEL="Model whose prediction was shown when the bet was placed.",
    TAG="Tag; a bet with two tags counts in both.",
    DAY="Day.",
    WEEK="ISO week.",
    MONTH="Calendar month.",
    WEEKDAY="Day of week.",
    ODDS_BAND="Odds band.",
    EDGE_BAND="Edge band at placement.",
)(Dimension)

RecordVerdict = Verdict
described(
    "What a record shows of its owner's edge, with 95 % confidence.",
    name="RecordVerdict",
    SKILL="An edge above 0: more than luck explains.",
    NO_EDGE="An edge below 0: worse than bad luck explains.",
    UNDECIDED="Not enough bets to tell skill from luck.",
)(Verdict)


@strawberry.type(
    description="Results of a set of bets, all in one currency. A void bet is as if it had never been placed; a push "
    "counts as settled, and neither as won nor as lost."
)
class PerformanceMetrics:
    metrics: strawberry.Private[Metrics]
    locale: strawberry.Private[str]
    currency_code: str = strawberry.field(description="ISO 4217 code of all amounts.")

    @derived
    def settled_count(self) -> int:
        """Settled bets, void ones left out, count."""
        return self.metrics.settled_count

    @derived
    def pending_count(self) -> int:
        """Pending bets, count."""
        return self.metrics.pending_count

    @derived
    def won_count(self) -> int:
        """Won, half won included, count."""
        return self.metrics.won_count

    @derived
    def lost_count(self) -> int:
        """Lost, half lost included, count."""
        return self.metrics.lost_count

    @derived
    def win_rate(self) -> float | None:
        """Won / (won + lost), fraction."""
        return self.metrics.win_rate

    @derived
    def turnover(self) -> Money:
        """Sum of settled stakes."""
        return self._money(self.metrics.turnover)

    @derived
    def gross_profit(self) -> Money:
        """Sum of winning bets' profits."""
        return self._money(self.metrics.gross_profit)

    @derived
    def gross_loss(self) -> Money:
        """Sum of losing bets' losses, positive."""
        return self._money(self.metrics.gross_loss)

    @derived
    def net_profit(self) -> Money:
        """Gross profit minus gross loss."""
        return self._money(self.metrics.net_profit)

    @derived
    def roi(self) -> float | None:
        """Net profit / turnover, fraction (also called yield)."""
        return self.metrics.roi

    @derived
    def return_on_bankroll(self) -> float | None:
        """Net profit / starting balance, fraction; of a span, what there was when it began."""
        return self.metrics.return_on_bankroll

    @derived
    def average_profit(self) -> Money | None:
        """Mean profit per settled bet."""
        return self._known(self.metrics.average_profit)

    @derived
    def average_odds(self) -> float | None:
        """Mean decimal odds."""
        return self.metrics.average_odds

    @derived
    def longest_winning_run(self) -> int:
        """Longest run of wins, count; a push does not end it."""
        return self.metrics.longest_winning_run

    @derived
    def longest_losing_run(self) -> int:
        """Longest run of losses, count; a push does not end it."""
        return self.metrics.longest_losing_run

    @derived
    def max_drawdown(self) -> float:
        """Largest fall from a high point, fraction of that high. Paying in is no rise, taking out no fall."""
        return self.metrics.max_drawdown

    @derived
    def sharpe_ratio(self) -> float | None:
        """Mean daily return / its standard deviation, yearly (times the root of 365); null under two days."""
        return self.metrics.sharpe_ratio

    @derived
    def profit_factor(self) -> float | None:
        """Gross profit / gross loss."""
        return self.metrics.profit_factor

    @derived
    def closing_price_count(self) -> int:
        """Settled bets that have a fair closing price, count: the base of the figures on closing prices and of luck."""
        return self.metrics.closing_count

    @derived
    def average_closing_line_value(self) -> float | None:
        """Mean closing line value, fraction."""
        return self.metrics.average_closing_line_value

    @derived
    def closing_line_value_interval(self) -> Interval | None:
        """95 % interval of the mean closing line value, fraction; null under two bets."""
        return _interval(self.metrics.closing_line_value_interval)

    @derived
    def closing_beat_rate(self) -> float | None:
        """Share of bets that beat the fair closing price, fraction."""
        return self.metrics.closing_beat_rate

    @derived
    def expected_profit(self) -> Money | None:
        """Profit to be expected from closing prices."""
        return self._known(self.metrics.expected_profit)

    @derived
    def luck(self) -> Money | None:
        """Net profit minus expected profit, of the bets that have a closing price: luck."""
        return self._known(self.metrics.luck)

    @derived
    def luck_deviation(self) -> Money | None:
        """Standard deviation of luck if the closing prices are right: within twice of it, luck is ordinary."""
        return self._known(self.metrics.luck_deviation)

    @batch
    @staticmethod
    async def p_value(each: Sequence[PerformanceMetrics]) -> list[float | None]:
        """Chance of doing at least this well without any edge, fraction (bootstrap up to 200 bets)."""
        return [judged.chance if judged else None for judged in await _judgements(each)]

    @batch
    @staticmethod
    async def yield_interval(each: Sequence[PerformanceMetrics]) -> list[Interval | None]:
        """95 % interval of the yield that the bettor would have in the long run, fraction."""
        return [Interval(lower=one.lower, upper=one.upper) if one else None for one in await _judgements(each)]

    @batch
    @staticmethod
    async def verdict(each: Sequence[PerformanceMetrics]) -> list[RecordVerdict]:
        """Whether it is skill, by `yieldInterval`: UNDECIDED unless it leaves out 0."""
        await _judgements(each)
        return [one.metrics.verdict for one in each]

    @batch
    @staticmethod
    async def bets_needed(each: Sequence[PerformanceMetrics]) -> list[int | None]:
        """Bets of this kind that it would take to tell skill from luck at this yield, with a power of 80 %, count;
        null once it is told, and above 100,000."""
        await _judgements(each)
        return [one.metrics.bets_needed for one in each]

    @batch
    @staticmethod
    async def sentence(each: Sequence[PerformanceMetrics], locale: Locale = None) -> list[str]:
        """The verdict in words, in English or Spanish; in the user's language when none is given."""
        await _judgements(each)
        return [sentence(one.metrics, one.currency_code, locale or one.locale) for one in each]

    def _money(self, units: int) -> Money:
        return _money(units, self.currency_code)

    def _known(self, units: int | None) -> Money | None:
        return None if units is None else self._money(units)


@strawberry.type(description="Performance of one group.")
class PerformanceGroup:
    key: str = strawberry.field(
        description="Machine key, for example a league's slug, `MATCH_RESULT`, a plugin's `acme.total_cards`, "
        "`2026-03` or `1.80-2.00`; MULTIPLE where the legs of an accumulator differ, UNKNOWN where it is not known."
    )
    label: str = strawberry.field(description="Label in the viewer's locale.")
    metrics: PerformanceMetrics = strawberry.field(description="Figures.")


@strawberry.type(description="A point of the equity curve.")
class EquityPoint:
    point: strawberry.Private[Point]
    currency: strawberry.Private[str]

    @derived
    def at(self) -> datetime:
        """Instant: the end of the step, or now while it runs."""
        return self.point.at

    @derived
    def balance(self) -> Money:
        """Balance, deposits included, pending stakes taken out."""
        return _money(self.point.balance, self.currency)

    @derived
    def expected_balance(self) -> Money | None:
        """Balance that closing prices would have predicted: without the luck so far."""
        expected = self.point.expected_balance
        return None if expected is None else _money(expected, self.currency)

    @derived
    def drawdown(self) -> float:
        """Fall from the highest point so far, fraction, of settled bets."""
        return self.point.drawdown


@dataclass(frozen=True, slots=True)
class OwnLedger:
    """The ledger of an account, read once for all that an operation asks of it.

    The row is known as soon as its reading begins: fields of deeper levels wait for the same statement.
    """

    reading: asyncio.Task[list[Ledger]]

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[OwnLedger | None]:
        return [cls(asyncio.ensure_future(ledgers(db, [key]))) if key == db.account_id else None for key in keys]


async def user_performance(
    users: Sequence[Any],
    db: Rows,
    viewer: Viewer,
    is_paper: Annotated[bool | None, strawberry.argument(description="Simulated instead of real.")] = False,
    currency_code: Annotated[
        str | None,
        strawberry.argument(
            description="Bankrolls in this currency, ISO 4217. Omitted, it is the user's own, or where they have no "
            "bankroll in it, that with the most settled bets."
        ),
    ] = None,
    during: During = None,
) -> list[PerformanceMetrics]:
    """Figures over all real or all paper bankrolls in one currency; amounts of two are never added up."""
    ledger, span = await _ledger(db, viewer), _span(during)
    known = ledger.currencies(is_paper=bool(is_paper))
    usual = viewer.currency if viewer.currency in known or not known else known[0]
    currency = _currency(given(currency_code)) or usual
    return [_of_currency(ledger, currency, bool(is_paper), span, viewer)] * len(users)


async def user_performance_by_currency(
    users: Sequence[Any],
    db: Rows,
    viewer: Viewer,
    is_paper: Annotated[bool | None, strawberry.argument(description="Simulated instead of real.")] = False,
    during: During = None,
) -> list[list[PerformanceMetrics]]:
    """Figures over all real or all paper bankrolls, for each currency, that with the most settled bets first."""
    ledger, span = await _ledger(db, viewer), _span(during)
    currencies = ledger.currencies(is_paper=bool(is_paper))
    return [[_of_currency(ledger, each, bool(is_paper), span, viewer) for each in currencies]] * len(users)


async def bankroll_performance(
    bankrolls: Sequence[Bankroll],
    db: Rows,
    viewer: Viewer,
    during: During = None,
    filter: Annotated[BetFilter | None, strawberry.argument(description="Narrow the bets.")] = None,
) -> list[PerformanceMetrics]:
    """Figures for a span."""
    ledger, span = await _ledger(db, viewer), _span(during)
    bets = ledger.bets.during(span)
    if given(filter):
        bets = bets.among(await chosen_bets(db, filter.criteria(viewer.account_id)))  # type: ignore[union-attr]
    return [
        _figures(bets.of([each.key]), _capital(ledger, each.key, span), each.currency, viewer) for each in bankrolls
    ]


async def bankroll_performance_by(
    bankrolls: Sequence[Bankroll],
    db: Rows,
    viewer: Viewer,
    dimension: Annotated[PerformanceDimension, strawberry.argument(description="Dimension.")],
    during: During = None,
) -> list[list[PerformanceGroup]]:
    """Figures per league, market, bookmaker and so on: times and bands in order, others with the most bets first."""
    ledger, span = await _ledger(db, viewer), _span(during)
    bets = ledger.bets.during(span)
    groups = [split(bets.of([each.key]), dimension, viewer.zone) for each in bankrolls]
    names = await _names(db, dimension, {group.key for each in groups for group in each}, viewer.locale)
    return [
        _groups(found, names, _capital(ledger, each.key, span), each.currency, viewer)
        for each, found in zip(bankrolls, groups, strict=True)
    ]


async def bankroll_equity_curve(
    bankrolls: Sequence[Bankroll],
    db: Rows,
    viewer: Viewer,
    now: datetime,
    step: Annotated[
        PeriodType | None, strawberry.argument(description="Step; one in which nothing moved has no point.")
    ] = PeriodType.DAY,
    during: Annotated[DateTimeRange | None, strawberry.argument(description="Span.")] = None,
) -> list[list[EquityPoint]]:
    """Balance over time, for a chart."""
    ledger, span = await _ledger(db, viewer), _span(during)
    entries = await movements(db, [each.key for each in bankrolls])
    curves: list[list[EquityPoint]] = []
    for each in bankrolls:
        bets, capital = ledger.bets.of([each.key]), _capital(ledger, each.key, (None, None))
        points = (
            equity_curve(entries[each.key], bets, capital, step or PeriodType.DAY, viewer.zone, span, now)
            if each.key in entries
            else []
        )
        curves.append([EquityPoint(point=point, currency=each.currency) for point in points])
    return curves


async def _ledger(db: Rows, viewer: Viewer) -> Ledger:
    [own] = await db.pick(OwnLedger, [viewer.account_id])
    [ledger] = await asyncio.shield(own.reading)
    return ledger


def _span(during: DateTimeRange | None) -> Span:
    asked = given(during)
    return asked.bounds("during") if asked else (None, None)


def _currency(code: str | None) -> str | None:
    """The code as given; raises Invalid where no currency has it."""
    try:
        if code is not None:
            money.exponent(code)
    except MoneyError as error:
        raise Invalid("currencyCode", str(error)) from None
    return code


def _of_currency(ledger: Ledger, currency: str, is_paper: bool, span: Span, viewer: Viewer) -> PerformanceMetrics:
    purses = ledger.purses_of(currency, is_paper=is_paper)
    bets = ledger.bets.of([purse.id for purse in purses]).during(span)
    return _figures(bets, Capital.of(ledger, purses, span), currency, viewer)


def _capital(ledger: Ledger, bankroll_id: int, span: Span) -> Capital:
    return Capital.of(ledger, [ledger.purses[bankroll_id]], span)


def _figures(bets: Bets, capital: Capital, currency: str, viewer: Viewer) -> PerformanceMetrics:
    return PerformanceMetrics(metrics=Metrics(bets, capital, viewer.zone), locale=viewer.locale, currency_code=currency)


def _groups(
    groups: Iterable[Group], names: Mapping[str, tuple[str, str]], capital: Capital, currency: str, viewer: Viewer
) -> list[PerformanceGroup]:
    return [
        PerformanceGroup(key=key, label=name, metrics=_figures(group.bets, capital, currency, viewer))
        for group in groups
        for key, name in [names[group.key]]
    ]


async def _names(db: Rows, dimension: Dimension, keys: Iterable[str], locale: str) -> dict[str, tuple[str, str]]:
    """The key and the label of each group as the graph shows them; what has a row is read with one statement."""
    named = {key: (key, label(dimension, key, locale)) for key in keys}
    own = [key for key in named if key not in (SEVERAL, UNKNOWN)]
    match dimension:
        case Dimension.LEAGUE:
            leagues = await db.pick(League, [int(key) for key in own])
            named |= {key: (league.slug, league.name) for key, league in zip(own, leagues, strict=True)}
        case Dimension.BOOKMAKER:
            named |= {key: (key, key.removeprefix(TYPED)) for key in own if key.startswith(TYPED)}
            ours = [key for key in own if not key.startswith(TYPED)]
            books = await db.pick(Bookmaker, [int(key) for key in ours])
            named |= {key: (book.bookmaker_key, book.name) for key, book in zip(ours, books, strict=True)}
        case Dimension.MODEL:
            models = await db.pick(Model, own)
            named |= {key: (key, model.name()) for key, model in zip(own, models, strict=True)}
        case Dimension.MARKET:
            plugins = [key for key in own if "." in key]
            kinds = await own_kinds(db, plugins) if plugins else {}
            titles = {key: kind.title for key, kind in kinds.items()}
            named |= {
                key: (key if key in kinds else MarketKind.of(key), label(dimension, key, locale, titles)) for key in own
            }
    return named


async def _judgements(each: Sequence[PerformanceMetrics]) -> list[Judgement | None]:
    """Worked out beside the event loop: a simulation takes some milliseconds."""
    return await asyncio.to_thread(lambda: [one.metrics.judgement for one in each])


def _money(units: int, currency: str) -> Money:
    return Money(amount=money.major(units, currency), currency_code=currency)


def _interval(bounds: tuple[float, float] | None) -> Interval | None:
    return None if bounds is None else Interval(lower=bounds[0], upper=bounds[1])
