"""The life of the release table: random sequences of nights, refusals, retrainings, rollbacks and rebuilt dates."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from semid.nights import plan_nights
from semid.tables.releases import Release, Releases

FIRST = date(2026, 1, 1)
DAYS = st.integers(0, 2)
"""Days from the current release to the next: often none, so that a date is published, undone and published again."""


class Ledger(RuleBasedStateMachine):
    """Releases as the commands write them, beside a day's book kept by hand: what is told must be the same.

    The book has the nights of the current date, which a rollback on that date takes back for good unless they are
    published again on it, and those of dates before, which nothing takes back.
    """

    @initialize()
    def empty(self) -> None:
        self.ledger = Releases(())
        self.today: set[date] = set()
        self.history: set[date] = set()
        self.undone: set[int] = set()

    def write(self, kind: str, days: int = 0, status: str = "published", **counts: int) -> Release:
        """Append a release as many days after the current one; the book turns its page with the date."""
        current = self.ledger.current
        day = current.run_date + timedelta(days=days) if current else FIRST
        number = self.ledger.next_id
        release = Release(number, f"{kind}-{number}", day, kind, status, 1, (1,), {}, counts, "pass")
        if status == "published" and current and day > current.run_date:
            self.history |= self.today
            self.today = set()
        self.ledger = Releases((*self.ledger.rows, release))
        return release

    @rule(days=DAYS, kind=st.sampled_from(["nightly", "backfill"]))
    def night(self, days: int, kind: str) -> None:
        first = self.ledger.current is None
        made = self.write("bootstrap" if first else kind, days)
        self.today.add(made.run_date)

    @rule(days=DAYS, kind=st.sampled_from(["nightly", "retrain", "bootstrap"]))
    def blocked(self, days: int, kind: str) -> None:
        """A refusal takes a number, and readers, nights and run ids stay as they were."""
        before = self.ledger
        refused = self.write(kind, days, status="blocked")
        assert (self.ledger.current, self.ledger.nights) == (before.current, before.nights)
        assert self.ledger.published_by(refused.run_id) is None

    @precondition(lambda self: self.ledger.current)
    @rule(days=DAYS)
    def retrain(self, days: int) -> None:
        """Also a shadow or a promotion: a release, but no night."""
        self.write("retrain", days)

    @precondition(lambda self: self.ledger.current)
    @rule(back=st.integers(1, 20))
    def rebuild(self, back: int) -> None:
        """A past date's IDs, on the current date: no night of either."""
        past = self.ledger.current.run_date - timedelta(days=back)
        made = self.write("backfill", rebuilt_date=int(past.strftime("%Y%m%d")), rebuilt_version=1)
        assert made.rebuilt_date == past

    @precondition(lambda self: self.ledger.current)
    @rule(days=DAYS)
    def rollback(self, days: int) -> None:
        self.undone |= {row.release_id for row in self.ledger.published}
        self.write("rollback", days)
        self.today = set()

    @precondition(lambda self: self.ledger.current)
    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        """The same run once more, after a rollback: its newest release is the one that counts."""
        earlier = data.draw(st.sampled_from(self.ledger.published))
        made = replace(self.write("retrain"), run_id=earlier.run_id)
        self.ledger = Releases((*self.ledger.rows[:-1], made))
        assert self.ledger.published_by(earlier.run_id) == made

    @invariant()
    def numbers_rise_by_one(self) -> None:
        rows = self.ledger.rows
        assert [row.release_id for row in rows] == list(range(1, len(rows) + 1))
        assert self.ledger.next_id == len(rows) + 1

    @invariant()
    def the_newest_published_is_current(self) -> None:
        published = [row for row in self.ledger.rows if row.status == "published"]
        assert self.ledger.current == (published[-1] if published else None)
        assert self.ledger.published == tuple(published)
        words = f"current release is {published[-1].release_id} of" if published else "nothing is published yet"
        assert words in self.ledger.describe()

    @invariant()
    def what_a_rollback_took_back_is_known(self) -> None:
        assert {row.release_id for row in self.ledger.published if self.ledger.undone(row)} == self.undone

    @invariant()
    def nights_are_those_of_the_book(self) -> None:
        assert self.ledger.nights == self.history | self.today

    @invariant()
    def a_backfill_finds_every_date_and_moves_none_before_the_current(self) -> None:
        """What is published is left alone, what was taken back today is replayed, what is older is late."""
        current = self.ledger.current
        if current is None:
            return
        asked = [current.run_date + timedelta(days=n) for n in range(-3, 2)]
        plan = plan_nights(asked, self.ledger.nights, current.run_date)
        assert set(plan.done) == set(asked) & (self.history | self.today)
        assert set(plan.replay) == {day for day in asked if day >= current.run_date} - self.today


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
