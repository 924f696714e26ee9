"""What a backfill does, in its three forms: which dates, one after the other, and the texts for a terminal."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date

from pyspark.sql import DataFrame

from semid.cli.columns import aligned
from semid.cli.job import Context, Job, StepResult, run_within
from semid.errors import ConfigError, RunConflict, SemidError
from semid.frames.feed_counts import feed_counts, refuse_missing
from semid.nights import Plan, day_of, days_between, is_dated, of_night, plan_nights
from semid.tables import releases, runs
from semid.tables.past import Past, first_served, only_valid, past_of
from semid.tables.releases import Release, Releases
from semid.tables.store import Store

log = logging.getLogger(__name__)


def asked_days(ctx: Context) -> list[date]:
    """Return the dates from --start to --end, both of which only --codebook can do without."""
    if ctx.flags.start is None or ctx.flags.end is None:
        raise ConfigError("which dates?", where="--start, --end", next_step="give both, as YYYY-MM-DD")
    start, end = day_of(ctx.flags.start, "--start"), day_of(ctx.flags.end, "--end")
    return days_between(start, end, ctx.run_date)


def plan_replay(ctx: Context) -> Plan:
    """Return which of the dates asked for are replayed.

    Raises:
        ConfigError: A date lies before the current release and has none, or the feeds' path has no date in it.
        InputRefused: A feed is not there.
    """
    history = history_of(ctx.store)
    newest = None if history.current is None else history.current.run_date
    plan = plan_nights(asked_days(ctx), _finished(ctx.store, history), newest)
    if plan.late:
        raise _too_late(plan.late, history)
    _require_feeds(ctx, plan.replay)
    return plan


def plan_rebuild(ctx: Context) -> Plan:
    """Return the past dates asked for, all of which are rebuilt.

    Raises:
        ConfigError: A date is not past, nothing was published by then, or the feeds' path has no date in it.
        InputRefused: A feed is not there.
    """
    history, days = history_of(ctx.store), asked_days(ctx)
    for day in days:
        past_of(history, day)
    _require_feeds(ctx, days)
    return Plan((), tuple(days), ())


def plan_codebook(ctx: Context) -> Plan:
    """Return the release dates, of those asked for, on which a codebook version has no IDs yet.

    Raises:
        ConfigError: The version was never served.
    """
    history, version = history_of(ctx.store), ctx.flags.codebook
    first = first_served(history, version)
    everything = ctx.flags.start is None and ctx.flags.end is None
    dates = {release.run_date for release in history.published if release.run_date < first}
    dates = dates if everything else dates & set(asked_days(ctx))
    done = {r.rebuilt_date for r in history.published if r.counts.get("rebuilt_version") == version} & dates
    return Plan(tuple(sorted(d for d in done if d)), tuple(sorted(dates - done)), ())


def rebuild(ctx: Context, job: Job, plan: Plan, **flags: object) -> StepResult:
    """Run the job of a past date for every date of the plan, in order; the first that fails ends the backfill."""
    for number, day in enumerate(plan.replay, 1):
        log.info("date %d of %d: %s", number, len(plan.replay), day)
        run_within(ctx, job, day, **flags)
    rebuilt = {release.rebuilt_date: release for release in releases.load(ctx.store).published}
    made = {str(day): rebuilt[day] for day in plan.replay}
    rows = sum(_moves(release) for release in made.values())
    return StepResult(len(made), rows, {"releases": {day: release.release_id for day, release in made.items()}})


def replay(ctx: Context, job: Job, plan: Plan) -> StepResult:
    """Run the night of every date of the plan, in order; the first that fails ends the backfill.

    Args:
        ctx: The backfill's.
        job: The nightly job, with the kind of its release.
        plan: The dates.

    Raises:
        RunConflict: A release of a later date was published meanwhile, on a file system without locks.
        SemidError: As the night raised it; its `state` says how far the backfill came.
    """
    for number, day in enumerate(plan.replay, 1):
        log.info("night %d of %d: %s", number, len(plan.replay), day)
        try:
            _refuse_overtaken(day, releases.load(ctx.store).current)
            run_within(ctx, job, day, catalog=None, replayed=True)
        except SemidError as error:
            error.state = f"the backfill stopped at {day}, {number - 1} of {len(plan.replay)} nights are published; "
            error.state += _standing(releases.load(ctx.store))
            raise
    made = _nights_of(releases.load(ctx.store), [*plan.done, *plan.replay])
    rows = sum(_moves(made[day]) for day in plan.replay)
    return StepResult(len(plan.replay), rows, {"releases": {str(day): r.release_id for day, r in made.items()}})


def shown(ctx: Context) -> str:
    """Return what the backfill would do, for a terminal."""
    if ctx.flags.rebuild:
        return shown_rebuild(ctx, plan_rebuild(ctx))
    if ctx.flags.codebook is not None:
        return shown_codebook(ctx, plan_codebook(ctx))
    return shown_plan(ctx, plan_replay(ctx))


def shown_plan(ctx: Context, plan: Plan) -> str:
    """Return the plan of a replay for a terminal, with what the feeds hold."""
    history = history_of(ctx.store)
    made = _nights_of(history, plan.done)
    done = [(str(day), "done", f"release {made[day].release_id}", *_moved(made[day])) for day in plan.done]
    nights = [(str(day), "replay", *_fed(ctx, day)) for day in plan.replay]
    head = f"{len(plan.replay)} of {len(plan.done) + len(plan.replay)} nights to replay; {_standing(history)}"
    return "\n".join([head, *aligned([*done, *nights])])


def shown_rebuild(ctx: Context, plan: Plan) -> str:
    """Return the plan of a rebuild for a terminal: the items of each date so far, and what its feed holds."""
    history, ids = history_of(ctx.store), ctx.store.read("semantic_id")
    rows = []
    for day in plan.replay:
        past = past_of(history, day)
        rows.append((str(day), f"until {past.until}", f"{_items(ids, past)} items so far", *_fed(ctx, day)))
    return "\n".join([f"{len(rows)} date(s) to rebuild; {_standing(history)}", *aligned(rows)])


def shown_codebook(ctx: Context, plan: Plan) -> str:
    """Return the plan of `--codebook` for a terminal: the items of each date."""
    history, ids = history_of(ctx.store), ctx.store.read("semantic_id")
    rows = []
    for day in plan.replay:
        past = past_of(history, day)
        rows.append((str(day), f"{_items(ids, past)} items", f"under version {past.active} so far"))
    head = f"{len(plan.replay)} date(s) to assign with version {ctx.flags.codebook}, {len(plan.done)} done"
    return "\n".join([f"{head}; {_standing(history)}", *aligned(rows)])


def shown_releases(store: Store, numbers: Mapping[str, int]) -> str:
    """Return the releases of a backfill for a terminal, one line per date."""
    known = {release.release_id: release for release in releases.load(store).published}
    rows = [(day, f"release {number}", known[number].kind, *_moved(known[number])) for day, number in numbers.items()]
    return "\n".join(aligned(rows)) or "nothing was missing"


def history_of(store: Store) -> Releases:
    """Return the releases; none where there is no warehouse yet, which a dry run must not make."""
    return releases.load(store) if store.version("release") >= 0 else Releases(())


def _require_feeds(ctx: Context, days: Sequence[date]) -> None:
    path = ctx.config.catalog.path
    if len(days) > 1 and path is not None and not is_dated(path):
        raise ConfigError(
            "one feed for several dates: its path has no {date} in it",
            where=f"catalog.path: {path}",
            next_step="for example --catalog feeds/{date}.parquet, or {date:%Y%m%d}",
        )
    refuse_missing(ctx.spark, {day: of_night(ctx.config, day) for day in days})


def _fed(ctx: Context, day: date) -> tuple[str, ...]:
    config = of_night(ctx.config, day)
    counts = feed_counts(ctx.spark, config)
    told = f"{counts.read:,} rows", f"{counts.good:,} items", f"{counts.quarantined:,} quarantined"
    return str(config.catalog.path), *told


def _items(ids: DataFrame, past: Past) -> str:
    return f"{only_valid(ids, past).where(f'codebook_version = {past.active:d}').count():,}"


def _standing(history: Releases) -> str:
    now = history.current
    return "nothing is published yet" if now is None else f"current release is {now.release_id} of {now.run_date}"


def _moves(release: Release) -> int:
    return sum(release.counts[name] for name in ("added", "changed", "removed"))


def _moved(release: Release) -> list[str]:
    return [f"{release.counts[name]:,} {name}" for name in ("items", "added", "changed", "removed", "quarantined")]


def _nights_of(history: Releases, days: Sequence[date]) -> dict[date, Release]:
    newest = {release.run_date: release for release in history.published if release.of_feed}
    return {day: newest[day] for day in days}


def _finished(store: Store, history: Releases) -> frozenset[date]:
    # A night killed right after its release is run again: it finds everything done and closes its run row.
    current = history.current
    if current is None or not current.of_feed:
        return history.nights
    row = runs.find(store, current.run_id)
    return history.nights - {current.run_date} if row is not None and row["status"] == "running" else history.nights


def _refuse_overtaken(day: date, current: Release | None) -> None:
    if current is not None and current.run_date > day:
        raise RunConflict(
            f"release {current.release_id} of {current.run_date} was published while the backfill ran",
            where="table release",
            next_step="run one writer at a time; the dates left are now before the current release",
        )


def _too_late(late: Sequence[date], history: Releases) -> ConfigError:
    assert history.current is not None, "a date is late beside a release only"
    return ConfigError(
        f"{len(late)} date(s) have no release and lie before the current one of {history.current.run_date}",
        where="--start, --end",
        problems=[f"{day}: a night on it would change rows that newer releases stand on" for day in late],
        next_step="start after them; a single past date is filled with --rebuild, which leaves newer rows alone",
    )
