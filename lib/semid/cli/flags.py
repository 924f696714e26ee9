"""The flags that every job has, and what they make of the configuration."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from math import inf

from semid.config import SemidConfig, load_config
from semid.errors import ConfigError
from semid.nights import day_of
from semid.tables.lock import local_path
from semid.tables.store import to_json


def job_parser(doc: str | None, *, feed: bool = False) -> argparse.ArgumentParser:
    """Return the parser with the flags of every job; with `--catalog` for the jobs that read the feed."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", metavar="FILE", help="YAML file that overrides the defaults")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="override one setting")
    parser.add_argument("--warehouse", metavar="DIR", help="folder or URI of the tables")
    parser.add_argument("--run-date", metavar="YYYY-MM-DD", help="logical date; today by default")
    parser.add_argument("--run-id", metavar="ID", help="derived from job, date, configuration and inputs by default")
    parser.add_argument("--log-format", choices=("text", "json"), help="how lines are logged; see observe.log_format")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    if feed:
        parser.add_argument("--catalog", metavar="PATH", help="the feed: a file or folder; {date} stands for the date")
    return parser


def config_of(flags: argparse.Namespace) -> SemidConfig:
    """Return the configuration that the flags ask for, with absolute paths of feed and warehouse.

    A job that reads the feeds of several dates keeps their path in `feeds`.
    """
    config = load_config(flags.config, list(flags.set))
    catalog = config.catalog
    if feed := getattr(flags, "catalog", None) or getattr(flags, "feeds", None) or catalog.path:
        catalog = catalog.model_copy(update={"path": _local(feed)})
    warehouse = _local(flags.warehouse or config.warehouse)
    return config.model_copy(update={"catalog": catalog, "warehouse": warehouse})


def run_date_of(flags: argparse.Namespace) -> date:
    """Return the logical date.

    Raises:
        ConfigError: It is no date, or lies in the future.
    """
    today = datetime.now(UTC).date()
    run_date = day_of(flags.run_date, "--run-date") if flags.run_date else today
    # A day of grace: the logical date may come from a time zone ahead of UTC.
    if run_date > today + timedelta(days=1):
        raise ConfigError(f"the run date lies in the future (today is {today})", where=f"--run-date {flags.run_date}")
    return run_date


def at_least(least: int) -> Callable[[str], int]:
    """Return a flag's type: a whole number that is not below `least`."""

    def number(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is below {least}")
        return int(text)

    return number


def non_negative(text: str) -> float:
    """Return a flag's number, finite and not below 0."""
    if not 0 <= float(text) < inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 on")
    return float(text)


def _local(location: str) -> str:
    folder = local_path(_checked(location))
    # Checked again behind its links: a plain name may lead to a folder with a backtick in its own.
    return location if folder is None else _checked(str(folder.expanduser().resolve()))


def _checked(location: str) -> str:
    # model_copy does not validate: a location from a flag passes the same check as one from a file.
    return load_config(overrides=[f"warehouse={to_json(location)}"]).warehouse
