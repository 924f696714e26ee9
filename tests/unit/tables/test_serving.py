"""Which codebook versions a release serves, and that vectors of another model are never assigned."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.config import load_config
from semid.errors import StoredDataError
from semid.tables.registry import Card
from semid.tables.serving import Plan, Serving, after_publishing, require_model

SETTINGS = load_config().codebook


def card(version: int, model: str) -> Card:
    return Card(version, SETTINGS.kind, SETTINGS.sizes, model, None, "{}", "{}", 20, "{}", "r")


def test_another_model_of_the_same_width_is_refused_with_both_names() -> None:
    """Exit 6: a fingerprint decides, not the width; a run that has trained on the new model may go on."""
    found = Serving(1, (1,), None, {1: card(1, "m#1")})
    require_model(found, "m#1", SETTINGS)
    with pytest.raises(StoredDataError) as refused:
        require_model(found, "m#2", SETTINGS)
    assert refused.value.exit_code == 6
    assert refused.value.problems == ("embeddings: m#2", "codebook:   m#1")
    require_model(Serving(1, (1,), 2, {1: card(1, "m#1"), 2: card(2, "m#2")}), "m#2", SETTINGS)


def test_without_any_codebook_nothing_is_published() -> None:
    """Exit 6, with the command that trains one."""
    with pytest.raises(StoredDataError, match="no codebook yet"):
        after_publishing(Serving(None, (), None, {}), 2, shadow=False)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12), st.integers(2, 4))
@settings(deadline=None)
def test_readers_have_a_version_that_is_served_and_the_one_before_it_stays(
    nights: list[tuple[bool, bool]], limit: int
) -> None:
    """Random nights (trained?, as a shadow?): versions rise, never more than the limit, none comes back."""
    served: tuple[int, ...] = ()
    active, newest = None, 0
    for trained, shadow in nights:
        candidate = newest + 1 if trained or active is None else None
        plan = after_publishing(Serving(active, served, candidate, {}), limit, shadow)
        newest = max(newest, candidate or 0)
        assert plan.active in plan.serving
        assert len(plan.serving) <= limit
        assert list(plan.serving) == sorted(plan.serving)
        assert set(plan.serving) <= {*served, candidate}
        if candidate is None:
            assert plan == Plan("nightly", active, served)
        else:
            assert candidate in plan.serving
            assert active is None or active in plan.serving
            assert plan.active == (candidate if active is None or not shadow else active)
        active, served = plan.active, plan.serving
