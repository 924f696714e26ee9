"""The budget tuner's page: what each setting of the grid costs and buys, and which one is recommended."""

from __future__ import annotations

import math
from collections.abc import Sequence

from semid.measure.budget import NAMEABLE, Recommendation, Trial
from semid.measure.evaluation import Measure
from semid.report.charts import Heading, Series, grouped_bars, legend
from semid.report.figures import figure
from semid.report.html import Html, number, table, tag
from semid.report.pages import document
from semid.report.scale import linear, logarithmic

COLUMNS = (
    "nr",
    "sizes",
    "codes",
    "collision",
    "of half the texts",
    "error, held out",
    "error, seen",
    "least used level",
    "texts per level-1 code",
    "largest bucket",
    "neighbours by depth",
)


_TEXT = {
    "codes": "codes",
    "collision_texts": "collision",
    "collision_texts_half": "of half",
    "relative_error_heldout": "error held out",
    "relative_error_seen": "error seen",
    "used_share": "least used",
    "bucket_texts_l1": "texts/level-1 code",
    "largest_bucket_texts": "largest bucket",
}
"""Columns of the terminal's table by metric."""


def budget_page(trials: Sequence[Trial], texts: int, recommended: Recommendation) -> str:
    """Return the page: one file that needs nothing else.

    Args:
        trials: In order of their numbers of codes.
        texts: Distinct texts of the whole catalog.
        recommended: The setting to train.
    """
    numbers = table(COLUMNS, rows(trials, texts), "Every setting of the grid")
    body = [
        tag("h1", "How many codes?"),
        tag("p", tag("b", "Recommended: "), recommended.reason),
        tag("section", tag("h2", f"Settings tried ({len(trials)})"), numbers),
        _losses(trials),
        _buckets(trials, texts),
    ]
    return document("How many codes", body)


def rows(trials: Sequence[Trial], texts: int) -> list[tuple[object, ...]]:
    """Return one row of `COLUMNS` per trial."""
    return [
        (
            str(nr),
            trial.name,
            trial.codes,
            trial.collision,
            trial.collision_half,
            None if math.isnan(trial.error_heldout) else trial.error_heldout,
            trial.error_train,
            trial.used_share,
            round(trial.bucket(texts), 1),
            trial.largest_bucket,
            " / ".join(f"{share:.3f}" for share in trial.neighbours),
        )
        for nr, trial in enumerate(trials, 1)
    ]


def as_text(measures: Sequence[Measure]) -> str:
    """Return the stored measures of a tuning as a table for a terminal, a line per setting, fewest codes first."""
    settings: dict[str, dict[str, Measure]] = {}
    for measure in measures:
        settings.setdefault(measure.slice, {})[measure.metric] = measure
    order = sorted(settings, key=lambda name: (settings[name]["codes"].value or 0, name))
    lines = [("sizes", *_TEXT.values())]
    lines += [(name, *[number(settings[name][metric].value) for metric in _TEXT]) for name in order]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def _losses(trials: Sequence[Trial]) -> Html:
    heading = Heading(
        "losses",
        "What is lost",
        "Collision rate over distinct texts and relative error on held-out texts, per setting, by number of codes.",
    )
    names = ("collision rate", "error, held out")
    values = [tuple(trial.collision for trial in trials), tuple(trial.error for trial in trials)]
    series = [Series(name, column) for name, column in zip(names, values, strict=True)]
    labels = [str(nr) for nr in range(1, len(trials) + 1)]
    plot = grouped_bars(heading, labels, series, linear(0, max(map(max, values))))
    numbers = table(["nr", "sizes", *names], [*zip(labels, _names(trials), *values, strict=True)], heading.title)
    return figure(heading, plot, numbers, legend(names, "bar"))


def _buckets(trials: Sequence[Trial], texts: int) -> Html:
    heading = Heading(
        "buckets",
        "Texts in a typical bucket of level 1",
        "Distinct texts of the catalog over the perplexity of level 1, per setting; the axis is logarithmic.",
    )
    values = tuple(trial.bucket(texts) for trial in trials)
    labels = [str(nr) for nr in range(1, len(trials) + 1)]
    plot = grouped_bars(heading, labels, [Series("texts", values)], logarithmic(max(values)))
    numbers = table(["nr", "sizes", "texts"], [*zip(labels, _names(trials), values, strict=True)], heading.title)
    note = f"An analyst can name buckets of {NAMEABLE[0]:.0f} to {NAMEABLE[1]:.0f} texts."
    return figure(heading, plot, numbers, note=note)


def _names(trials: Sequence[Trial]) -> list[str]:
    return [trial.name for trial in trials]
