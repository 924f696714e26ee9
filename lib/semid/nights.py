"""Which nights a backfill makes up for, and where the feed of each lies."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from string import Formatter

from semid.config import SemidConfig
from semid.errors import ConfigError


@dataclass(frozen=True)
class Plan:
    """What a backfill does with the dates of its range, each list in order.

    Attributes:
        done: Published already; left alone.
        replay: Not published, and not before the current release: replayed.
        late: Not published, and before the current release: only a rebuild may touch such a date.
    """

    done: tuple[date, ...]
    replay: tuple[date, ...]
    late: tuple[date, ...]


def day_of(text: str, flag: str) -> date:
    """Return the date that a flag gives.

    Raises:
        ConfigError: It is no date.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError("a date is written YYYY-MM-DD", where=f"{flag} {text}") from error


def days_between(start: date, end: date, latest: date) -> list[date]:
    """Return the dates from `start` to `end`, both included.

    Raises:
        ConfigError: The range is empty, or ends after `latest`.
    """
    where = f"--start {start} --end {end}"
    if end < start:
        raise ConfigError("the range ends before it starts", where=where)
    if end > latest:
        raise ConfigError(f"the range ends after the run date, {latest}", where=where)
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


def plan_nights(days: Collection[date], published: Collection[date], current: date | None) -> Plan:
    """Return what to do with each date.

    Args:
        days: The dates asked for.
        published: Dates whose night is published.
        current: Run date of the current release; None before the first. Intervals only grow: a night before it
            would change rows that newer releases stand on.
    """
    missing = sorted(set(days) - set(published))
    replay = tuple(day for day in missing if current is None or day >= current)
    return Plan(tuple(sorted(set(days) & set(published))), replay, tuple(sorted(set(missing) - set(replay))))


def is_dated(path: str) -> bool:
    """Return whether a feed's path has a place for the date.

    >>> is_dated("feeds/{date:%Y%m%d}.parquet"), is_dated("feeds/{x}.parquet"), is_dated("feeds/{.parquet")
    (True, False, False)
    """
    try:
        places = [(field, spec) for _, field, spec, _ in Formatter().parse(path) if field is not None]
    except ValueError:
        return False
    return bool(places) and all(field == "date" and "{" not in (spec or "") for field, spec in places)


def feed_path(path: str, day: date) -> str:
    """Return the feed's path for one date; a path without a place for the date is the same for all.

    >>> feed_path("feeds/{date}.parquet", date(2026, 1, 5)), feed_path("{date:%Y/%m/%d}", date(2026, 1, 5))
    ('feeds/2026-01-05.parquet', '2026/01/05')
    """
    return path.format(date=day) if is_dated(path) else path


def of_night(config: SemidConfig, day: date) -> SemidConfig:
    """Return the configuration with the feed's path of one date."""
    if config.catalog.path is None:
        return config
    path = feed_path(config.catalog.path, day)
    return config.model_copy(update={"catalog": config.catalog.model_copy(update={"path": path})})
