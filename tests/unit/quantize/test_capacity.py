import numpy as np
import pytest

from semid.quantize.capacity import within_capacity

ERRORS = np.array([[1, 2, 9], [0, 3, 9], [2, 1, 9], [1.5, 9, 3]], np.float32)
NOBODY = np.zeros(3, np.int64)


def spread(errors=ERRORS, first=None, priority=None, taken=NOBODY, capacity=1):
    first = errors.argmin(axis=1) if first is None else np.array(first)
    priority = np.zeros(len(errors)) if priority is None else np.array(priority)
    return within_capacity(errors, first, priority, np.array(taken), capacity).tolist()


def test_the_nearest_stays_and_the_others_take_the_next_best_free_code():
    """Row 1 is nearest to code 0; row 0, first by order among equal errors, takes 1 and row 2 gets what is left."""
    assert spread(capacity=4) == [0, 0, 1, 0]
    assert spread(ERRORS[:3]) == [1, 0, 2]


def test_a_first_choice_with_room_is_left_alone():
    """What `encode` gave stays, although code 0 would have less error for both; the second finds its own taken."""
    assert spread(ERRORS[:2], first=[1, 1]) == [1, 0]
    assert spread(ERRORS[:2], first=[1, 1], capacity=2) == [1, 1]


def test_incumbents_come_first():
    """A place that is taken is not given; a kept code is chosen before a nearer newcomer."""
    assert spread(ERRORS[1:2], taken=(1, 0, 0)) == [1]
    assert spread(ERRORS[:2], priority=(1, 0)) == [0, 1]


def test_when_every_place_is_taken_the_best_code_is_shared():
    """Four contents for three places: the one served last has its best code, above capacity."""
    assert spread(taken=(1, 1, 1)) == [0, 0, 1, 0]
    assert sorted(spread()) == [0, 0, 1, 2]


def test_a_capacity_below_one_is_refused():
    with pytest.raises(ValueError, match="capacity of 0"):
        spread(capacity=0)
