"""The two pages: one release, and the history of all of them. Each is one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib import resources

from semid.report import code_tree, evaluation, figures, figures_release, health, verdict
from semid.report.charts import glyph
from semid.report.facts import Example, Night, ReleaseFacts, Unfinished
from semid.report.html import Html, share, table, tag

INDEX = "index.html"
# Nothing may be loaded and nothing may run, whatever a title brings.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_TITLE = 160
"""Letters of a title that are shown."""

_WHY = {
    "content": "its text was edited",
    "codebook": "the codebook changed",
}


def file_name(release_id: int) -> str:
    """Return the file of a release's page."""
    return f"release-{release_id:d}.html"


def release_page(facts: ReleaseFacts, propose_retrain: float, written: Collection[int]) -> str:
    """Return the page of one release.

    Args:
        facts: What is shown.
        propose_retrain: Error ratio from which a retrain is proposed.
        written: Releases whose pages are there, to link to.
    """
    night = facts.night
    earlier = [n.release_id for n in facts.history[:-1] if n.release_id in written]
    links = [_link(INDEX, "all releases")]
    links += [_link(file_name(earlier[-1]), f"release {earlier[-1]}")] if earlier else []
    body = [
        tag("nav", links),
        verdict.verdict(facts),
        verdict.proposal(facts.history),
        verdict.reasons(night),
        _changes(facts),
        _codes(facts),
        evaluation.section(facts.evaluation),
        code_tree.meaning(facts.codes),
        tag("h2", "Nights up to this one"),
        figures.error_ratio(facts.history, propose_retrain),
        figures.psi(facts.history),
        _checks(night, facts.data_docs),
        _footer(night),
    ]
    return document(f"Release {night.release_id} of {night.run_date}", body)


def index_page(
    facts: ReleaseFacts,
    propose_retrain: float,
    written: Collection[int],
    unfinished: Unfinished | None = None,
) -> str:
    """Return the page of all releases.

    Args:
        facts: The newest release, whose history is shown.
        propose_retrain: Error ratio from which a retrain is proposed.
        written: Releases whose pages are there, to link to.
        unfinished: The newest run, if it made no release.
    """
    history = facts.history
    body = [
        verdict.unfinished(unfinished),
        verdict.verdict(facts),
        verdict.proposal(history),
        verdict.reasons(facts.night),
        _strip(history, written),
        figures.error_ratio(history, propose_retrain),
        figures.psi(history),
        figures.churn_history(history),
        figures.collisions(history),
        figures.counts(history),
        _releases(history, written),
    ]
    return document("Releases", body)


def document(title: str, body: Sequence[object]) -> str:
    """Return a whole page that loads nothing and runs nothing."""
    style = resources.files("semid.report").joinpath("style.css").read_text(encoding="utf-8")
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"semid: {title}"),
        tag("style", Html(style)),
    ]
    page = tag("html", tag("head", head), tag("body", tag("main", list(body))), lang="en")
    return f"<!doctype html>\n{page}\n"


def _strip(history: Sequence[Night], written: Collection[int]) -> Html:
    shown = history[-figures.SHOWN :]
    entries = [tag("li", _night_link(night, written)) for night in shown]
    return tag("section", tag("h2", "Releases, oldest to newest"), tag("ol", entries, class_="strip"))


def _night_link(night: Night, written: Collection[int]) -> Html:
    state = health.status(night)
    label = f"release {night.release_id} of {night.run_date}: {night.status}, verdict {night.verdict}"
    sign = glyph(state, 18, label)
    return _link(file_name(night.release_id), sign) if night.release_id in written else sign


def _changes(facts: ReleaseFacts) -> Html:
    night, survivors = facts.night, facts.night.survivors
    if not night.published:
        body: object = tag("p", "Nothing was published, so no ID changed.")
    elif survivors is None:
        body = tag("p", "This is the first release: there was no ID before it that could have moved.")
    else:
        body = [figures_release.churn(survivors), _examples(facts)]
    return tag("section", tag("h2", "What moved, and why"), body)


def _examples(facts: ReleaseFacts) -> Html:
    if not facts.examples:
        return tag("p", "No item that was there before has another ID now.")
    rows = [_example(example) for example in facts.examples]
    columns = ["item", "title", "old ID", "new ID", "equal codes", "why"]
    title = f"{len(rows)} of {facts.moved:,} moved items, those that moved furthest first"
    return tag("section", tag("h3", title), table(columns, rows, title))


def _example(example: Example) -> tuple[object, ...]:
    # bdi: a title in another script must not turn the cells beside it around
    title = example.title or ""
    title = title if len(title) <= _TITLE else f"{title[: _TITLE - 1]}…"
    names = [tag("bdi", text) for text in (example.item_id, title)]
    ids = [tag("code", text) for text in (example.old, example.new)]
    return (*names, *ids, example.common_prefix, _WHY.get(example.reason, example.reason))


def _codes(facts: ReleaseFacts) -> Html:
    state = facts.state
    if state is None:
        return tag("section", tag("h2", "Codes in use"), tag("p", "No ID is published yet."))
    whose = f"of release {state.release_id}" if state.release_id != facts.night.release_id else "of this release"
    notes = [f"The published IDs {whose}."]
    notes += ["A later release of the same day replaced some of them; its rows are counted."] if state.replaced else []
    plots = [figures_release.buckets(state), *(figures_release.code_use(use) for use in state.levels)]
    return tag("section", tag("h2", "Codes in use and collisions"), tag("p", " ".join(notes)), plots)


def _checks(night: Night, data_docs: Mapping[str, str]) -> Html:
    order = ("block", "warn", "pass", "info")
    rows = [
        (check.status, verdict.metric_name(check), check.value, check.reference, verdict.limits(check), check.note)
        for check in sorted(night.checks, key=lambda check: order.index(check.status))
    ]
    columns = ["status", "metric", "value", "reference", "limit", "note"]
    body = (
        table(columns, rows, "Every check of the run") if rows else tag("p", "This release has no checks of its own.")
    )
    return tag("section", tag("h2", f"Every check ({len(rows)})"), _data_docs(data_docs), body)


def _data_docs(links: Mapping[str, str]) -> Html | None:
    if not links:
        return None
    shown = [[_link(target, name), ", "] for name, target in links.items()]
    note = "The contracts in Great Expectations' own pages, which take their style from the network: "
    return tag("p", note, shown[:-1], shown[-1][:1], ".")


def _releases(history: Sequence[Night], written: Collection[int]) -> Html:
    rows = [
        (
            _link(file_name(n.release_id), str(n.release_id)) if n.release_id in written else n.release_id,
            str(n.run_date),
            n.kind,
            n.status,
            n.verdict,
            n.codebook_version,
            *(n.counts.get(name) for name in ("items", *figures.COUNTS)),
            share(n.survivors.moved_unchanged[-1], n.survivors.unchanged) if n.survivors else "",
            ", ".join(verdict.metric(check) for check in health.failing(n.checks)),
        )
        for n in reversed(history)
    ]
    columns = [
        "release",
        "date",
        "kind",
        "status",
        "verdict",
        "codebook",
        "items",
        *figures.COUNTS,
        "moved without edit",
        "did not pass",
    ]
    return tag("section", tag("h2", f"All releases ({len(rows)})"), table(columns, rows, "Every release, newest first"))


def _footer(night: Night) -> Html:
    text = f"Run {night.run_id}, codebook {night.codebook_version}, written {night.created_at:%Y-%m-%d %H:%M} UTC. "
    return tag("footer", tag("p", text, f"Again: semid report --release {night.release_id}"))


def _link(target: str, content: object) -> Html:
    return tag("a", content, href=target)
