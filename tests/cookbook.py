"""The questions of docs/sql.md: each a heading, a query and the answer to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "sql.md"
# A heading, whatever explains it, the query, and the answer when it is there already.
_QUESTION = re.compile(
    r"^### (?P<title>.+)\n(?P<text>(?:(?!###|```).*\n)*)```sql\n(?P<sql>[^`]+)```\n(?P<answer>\n```text\n[^`]*```\n)?",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Question:
    """One question of the page.

    Attributes:
        title: Its heading.
        sql: The query.
        answer: The answer that the page shows; empty when it shows none.
    """

    title: str
    sql: str
    answer: str


def questions(page: str) -> list[Question]:
    """Return the questions of a page, in order."""
    return [
        Question(
            found["title"], found["sql"].strip(), (found["answer"] or "").strip().strip("`").removeprefix("text\n")
        )
        for found in _QUESTION.finditer(page)
    ]


def with_answers(page: str, answers: dict[str, str]) -> str:
    """Return the page with these answers, by title, in the place of those it has."""

    def renewed(found: re.Match[str]) -> str:
        asked = f"### {found['title']}\n{found['text']}```sql\n{found['sql']}```\n"
        return f"{asked}\n```text\n{answers[found['title']]}\n```\n"

    return _QUESTION.sub(renewed, page)
