"""Every page of the report, made of given texts: hostile ones, and harmless ones to compare with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np

from semid.measure.budget import Recommendation, Trial
from semid.measure.evaluation import Measure
from semid.report.budget import budget_page
from semid.report.code_facts import Branch, CodeTree, Family, ItemMap, LabelledCodes
from semid.report.evaluation import Evaluation
from semid.report.facts import Example, Unfinished
from semid.report.pages import index_page, release_page
from tests.report_facts import SHIFTED, WARNED, blocked, facts, night, warned

MARK = "data-ran"
"""The attribute of the html element that every script of the texts below would set."""

_SCRIPT = f"document.documentElement.setAttribute('{MARK}','1')"
HOSTILE = (
    f"<script>{_SCRIPT}</script>",
    f"</script><script>{_SCRIPT}</script>",
    f"</title></style></svg></desc><script>{_SCRIPT}</script>",
    f'"><img src=x onerror="{_SCRIPT}">',
    f"'><svg/onload=\"{_SCRIPT}\">",
    f'" onmouseover="{_SCRIPT}" autofocus onfocus="{_SCRIPT}" x="',
    f"<svg><style><img src=x onerror={_SCRIPT}></style></svg>",
    f"<iframe srcdoc='<script>parent.{_SCRIPT}</script>'></iframe>",
    f"javascript:{_SCRIPT}",
    f"<![CDATA[<script>{_SCRIPT}</script>]]>",
    f"--><script>{_SCRIPT}</script><!--",
    f"&lt;script&gt;{_SCRIPT}&lt;/script&gt;",
    f"\u202e<a href='javascript:{_SCRIPT}'>\u2066",
    f"<scr\x00ipt>{_SCRIPT}</scr\x00ipt>",
    f"+ADw-script+AD4-{_SCRIPT}+ADw-/script+AD4-",
    f"{{{{constructor.constructor(\"{_SCRIPT}\")()}}}}",
    "<base href=//x><meta http-equiv=refresh content=0><link rel=stylesheet href=//x><form action=//x>",
)  # fmt: skip


def pages(text: Callable[[str], str]) -> dict[str, str]:
    """Return every page, with `text(name)` wherever a page shows what came from outside.

    Args:
        text: The text for a place, which is given by its name.
    """
    shown = facts(night(1, verdict=text("verdict")), night(2, run_id=text("run_id"), kind=text("kind")))
    examples = (Example(text("item_id"), text("title"), text("old"), text("new"), 1, text("reason")),)
    evaluation = Evaluation(text("evaluation"), (Measure(text("metric"), 0.5, 0.4, 0.6, text("slice")),))
    links = {text("suite"): "../_data_docs/html/a.html"}
    release = replace(shown, examples=examples, moved=1, evaluation=evaluation, codes=_codes(text), data_docs=links)
    checks = (replace(WARNED, metric=text("check"), note=text("note")), replace(SHIFTED, cohort=text("cohort")))
    refused = facts(night(1), blocked(2, replace(checks[0], status="block", note=text("blocked"))))
    run = Unfinished(text("run"), text("job"), date(2026, 1, 3), "failed", text("message"))
    trial = Trial((8, 8), 0.5, 0.25, 40, 0.4, 0.5, 1.0, (4.0, 7.0), ())
    return {
        "release": release_page(release, 1.3, {1, 2}),
        "warned": release_page(facts(night(1), warned(2, *checks)), 1.3, set()),
        "blocked": release_page(refused, 1.3, set()),
        "index": index_page(shown, 1.3, {1, 2}, run),
        "warned index": index_page(facts(night(1), warned(2, *checks)), 1.3, set()),
        "budget": budget_page([trial], 1000, Recommendation((8, 8), text("recommended"))),
    }


def _codes(text: Callable[[str], str]) -> LabelledCodes:
    def branch(prefix: str, below: Family) -> Branch:
        terms, exemplars = (text("term"), text("other term")), (text("exemplar"), text("other exemplar"))
        return Branch(prefix, 10, text("label"), 0.5, terms, exemplars, below)

    tree = CodeTree(1, 1, 40, Family((branch("7", Family((branch("7-1", Family()),))),)))
    return LabelledCodes(tree, ItemMap(np.array([(0, 0), (1, 1), (2, 0), (3, 3)], np.float32), ("7",) * 4))
