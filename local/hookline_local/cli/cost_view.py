"""The estimate of what calls cost, as a table."""

from dataclasses import asdict

from hookline_local.cli.screen import Screen
from hookline_local.operations.cost import PRICES, PRICES_OF, REGION, estimate


def show_estimate(
    calls_per_day: float, minutes: float, screen: Screen, *, publishes: bool = False, posts_per_call: float = 0.0
) -> None:
    """One row per service, and the sum."""
    lines = estimate(calls_per_day, minutes, publishes=publishes, posts_per_call=posts_per_call)
    per_call, per_month = sum(line.per_call for line in lines), sum(line.per_month for line in lines)
    screen.document(
        {
            "region": REGION,
            "prices_of": PRICES_OF,
            "calls_per_day": calls_per_day,
            "minutes": minutes,
            "publish_events": publishes,
            "posts_per_call": posts_per_call,
            "dollars_per_call": per_call,
            "dollars_per_month": per_month,
            "services": [asdict(line) for line in lines],
            "prices": {name: price._asdict() for name, price in PRICES.items()},
        }
    )
    rows = [[line.service, f"${line.per_call:.6f}", f"${line.per_month:,.2f}", line.basis] for line in lines]
    rows.append(
        ["all", f"${per_call:.6f}", f"${per_month:,.2f}", f"{calls_per_day:,.0f} calls a day, {minutes:g} minutes"]
    )
    screen.rows(["service", "a call", "a month", "for each call"], rows, cut=("for each call",))
    screen.paragraph(f"Prices of {PRICES_OF}, {REGION}, without free tiers, taxes and Telnyx. See docs/cost.md.", "dim")
    remembered = ", ".join(name for name, price in PRICES.items() if not price.source)
    screen.paragraph(
        f"From memory, no source was found: {remembered}. --json has the source of each other price.", "dim"
    )
