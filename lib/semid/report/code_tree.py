"""What the codes mean: the labelled tree to browse, and the map of items."""

from __future__ import annotations

from semid.report.code_facts import Branch, Family, LabelledCodes
from semid.report.code_map_plot import item_map
from semid.report.html import Html, tag

_TITLE = 100
"""Letters of a title that are shown."""


def meaning(codes: LabelledCodes | None) -> Html:
    """Return the section on what the codes mean; it says how to label them when nobody has."""
    head = tag("h2", "What the codes mean")
    if codes is None or codes.tree.labelled_version is None:
        return tag("section", head, tag("p", "No code has a label yet: ", tag("code", "semid label-codes"), "."))
    tree = codes.tree
    notes = [
        f"{tree.items:,} items under codebook {tree.version}. A label is made of the words that tell a code from its "
        "siblings. Purity is the share of the commonest category. Open a code for its words, its most typical items "
        "and the codes below it."
    ]
    if tree.labelled_version != tree.version:
        notes.append(
            f"The labels are those of codebook {tree.labelled_version}, for the first codes that took over its items; "
            "semid label-codes names the rest."
        )
    return tag("section", head, [tag("p", note) for note in notes], _family(tree.family), item_map(codes))


def left_out(family: Family) -> str:
    """Return what is not shown of a parent's children, in words; '' when all are shown.

    >>> left_out(Family((), labelled=0, unlabelled=3, items=11)), left_out(Family())
    ('3 prefixes with 11 items, none with a label', '')
    """
    others = family.labelled + family.unlabelled
    if not others:
        return ""
    items = "1 item" if family.items == 1 else f"{family.items:,} items"
    if not family.shown:
        return f"{others:,} {'prefix' if others == 1 else 'prefixes'} with {items}, none with a label"
    labels = f", {family.unlabelled:,} of them without a label" if family.unlabelled else ""
    return f"and {others:,} more with {items}{labels}"


def _family(family: Family) -> Html | None:
    entries = [tag("li", _branch(branch)) for branch in family.shown]
    if left := left_out(family):
        entries.append(tag("li", left, class_="rest"))
    return tag("ul", entries, class_="tree") if entries else None


def _branch(branch: Branch) -> Html:
    purity = None if branch.purity is None else tag("span", f"purity {branch.purity:.2f}", class_="fact")
    example = tag("bdi", _cut(branch.exemplars[0]), class_="example") if branch.exemplars else None
    items = tag("span", f"{branch.items:,} items", class_="fact")
    line = tag("summary", tag("code", branch.prefix), " ", tag("b", branch.label), items, purity, example)
    return tag("details", line, _details(branch), _family(branch.below))


def _details(branch: Branch) -> list[Html]:
    found = [tag("p", "Words: ", ", ".join(branch.terms), class_="note")] if branch.terms else []
    if branch.exemplars:
        shown = [part for title in branch.exemplars for part in (tag("bdi", _cut(title)), " · ")][:-1]
        found.append(tag("p", "Typical: ", shown, class_="note"))
    return found


def _cut(title: str) -> str:
    return title if len(title) <= _TITLE else f"{title[: _TITLE - 1]}…"
