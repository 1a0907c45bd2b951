"""Delta debugging against every kind of truth: what is left is enough, nothing of it can be spared, and it ends in time."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from runner.core.minimize import Ask, Hopeless, Minimal, minimize, most_questions

UNITS = tuple("abcdefghijklmnop")


def search(units, works):
    """Answer by ``works`` until the end; the end, and how many sets were asked about."""
    answers = {}
    while isinstance(state := minimize(units, answers), Ask):
        assert state.sets[0] not in answers, "asks for what it does not know"
        answers[state.sets[0]] = works(state.sets[0])
    return state, len(answers)


@given(st.sets(st.sampled_from(UNITS)))
def test_the_needed_units_are_found_exactly_when_each_is_needed_by_itself(needed):
    state, asked = search(UNITS, lambda kept: needed <= kept)
    assert state == Minimal(kept=tuple(unit for unit in UNITS if unit in needed))
    assert asked <= most_questions(len(UNITS))


@given(st.lists(st.sets(st.sampled_from(UNITS), min_size=1, max_size=4), max_size=6))
def test_with_alternatives_one_of_each_is_left_and_nothing_that_can_be_spared(clauses):
    def works(kept):
        return all(clause & kept for clause in clauses)

    state, asked = search(UNITS, works)
    assert isinstance(state, Minimal)
    kept = frozenset(state.kept)
    assert works(kept)
    assert not any(works(kept - {unit}) for unit in kept)
    assert asked <= most_questions(len(UNITS))


@given(st.integers(0, 12), st.randoms(use_true_random=False))
def test_it_ends_within_the_bound_whatever_it_is_told(size, random):
    truth = {}
    state, asked = search(UNITS[:size], lambda kept: truth.setdefault(kept, random.random() < 0.5))
    assert isinstance(state, Minimal | Hopeless)
    assert asked <= most_questions(size)
    if isinstance(state, Minimal) and state.kept:
        assert truth[frozenset(state.kept)]
        assert not any(truth[frozenset(state.kept) - {unit}] for unit in state.kept)


def test_what_does_not_even_work_as_a_whole_is_said_after_one_question():
    assert search(UNITS, lambda _: False) == (Hopeless(), 1)


@given(st.sets(st.sampled_from(UNITS[:8])), st.data())
def test_a_search_that_was_killed_asks_nothing_twice(needed, data):
    asked = []

    def works(kept):
        asked.append(kept)
        return needed <= kept

    answers = {}
    for _ in range(data.draw(st.integers(0, 8))):
        if isinstance(state := minimize(UNITS[:8], answers), Ask):
            answers[state.sets[0]] = works(state.sets[0])
    while isinstance(state := minimize(UNITS[:8], dict(answers)), Ask):  # as if it were another process
        answers[state.sets[0]] = works(state.sets[0])
    assert len(asked) == len(set(asked))


def test_several_arenas_are_given_sets_of_one_round_of_which_the_first_that_works_decides():
    state = minimize(UNITS, {frozenset(UNITS): True})
    assert isinstance(state, Ask)
    assert all(one < frozenset(UNITS) for one in state.sets)
    assert all(not first <= second for first, second in combinations(state.sets, 2))
