"""Laws of a split: nobody on both sides, nobody moves, shares are met, the future stays unseen."""

import random
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipworthy.data.split import ASIDE, Rule, Unit, assign
from shipworthy.errors import BadInput

GROUPED = st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abc")), min_size=1, max_size=120)
SHARES = st.sampled_from([(0.125, 0.0), (0.1, 0.1), (0.3, 0.2)])


def _units(rows: list[tuple[int, str]]) -> tuple[list[Unit], list[str]]:
    units = [Unit(content=f"row {number}", stratum=(stratum,)) for number, (_, stratum) in enumerate(rows)]
    return units, [f"user={user}" for user, _ in rows]


@settings(max_examples=150, deadline=None)
@given(rows=GROUPED, shares=SHARES, balance=st.sampled_from(["stable", "exact"]), seed=st.integers(0, 3))
def test_no_group_stands_on_two_sides(
    rows: list[tuple[int, str]], shares: tuple[float, float], balance: str, seed: int
) -> None:
    units, group_N = _units(rows)
    part_N = assign(units, group_N, Rule(test=shares[0], validation=shares[1], balance=balance, seed=seed))  # type: ignore[arg-type]
    parts = defaultdict(set)
    for name, part in zip(group_N, part_N, strict=True):
        parts[name].add(part)

    assert all(1 == len(found) for found in parts.values())


@settings(max_examples=100, deadline=None)
@given(rows=GROUPED, more=GROUPED, shares=SHARES, seed=st.integers(0, 10_000))
def test_rows_stay_whatever_their_order_and_whatever_is_added(
    rows: list[tuple[int, str]], more: list[tuple[int, str]], shares: tuple[float, float], seed: int
) -> None:
    rule = Rule(test=shares[0], validation=shares[1])
    units, group_N = _units([*rows, *more])
    n = len(rows)
    before = assign(units[:n], group_N[:n], rule)
    order = list(range(len(units)))
    random.Random(seed).shuffle(order)
    shuffled = assign([units[row] for row in order], [group_N[row] for row in order], rule)
    after = dict(zip(order, shuffled, strict=True))

    assert before == [after[row] for row in range(n)]


@settings(max_examples=100, deadline=None)
@given(strata=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=300), share=st.sampled_from([0.1, 0.125, 0.33]))
def test_exact_shares_are_met_within_a_row_overall_and_in_every_stratum(strata: list[str], share: float) -> None:
    units = [Unit(content=f"row {number}", stratum=(name,)) for number, name in enumerate(strata)]
    part_N = assign(units, [unit.content for unit in units], Rule(test=share, balance="exact"))
    tested = Counter(unit.stratum for unit, part in zip(units, part_N, strict=True) if part == "test")

    assert 1 > abs(tested.total() - share * len(units))
    assert all(1 + 1e-9 >= abs(tested[(name,)] - share * strata.count(name)) for name in set(strata))


@pytest.mark.parametrize("folds", [2, 5, 10])
def test_folds_differ_by_a_row_at_most(folds: int) -> None:
    units = [Unit(content=f"row {number}", stratum=(str(number % 7),)) for number in range(1_003)]
    sizes = Counter(assign(units, [unit.content for unit in units], Rule(folds=folds, balance="exact")))

    assert folds == len(sizes)
    assert 1 >= max(sizes.values()) - min(sizes.values())


def test_stable_shares_are_met_up_to_chance() -> None:
    units = [Unit(content=f"row {number}") for number in range(20_000)]
    tested = assign(units, [unit.content for unit in units], Rule()).count("test")

    assert 4 * (20_000 * 0.125 * 0.875) ** 0.5 > abs(tested - 2_500)


def test_a_larger_share_of_the_stable_rule_only_adds_rows() -> None:
    units = [Unit(content=f"row {number}") for number in range(500)]
    names = [unit.content for unit in units]
    small = assign(units, names, Rule(test=0.1))
    large = assign(units, names, Rule(test=0.2, validation=0.1))

    assert all(other == "test" for part, other in zip(small, large, strict=True) if part == "test")


def test_another_seed_is_another_split() -> None:
    units = [Unit(content=f"row {number}") for number in range(200)]
    names = [unit.content for unit in units]

    assert assign(units, names, Rule(seed=1)) != assign(units, names, Rule(seed=2))


@settings(max_examples=60, deadline=None)
@given(n=st.integers(20, 80), more=st.integers(1, 80), balance=st.sampled_from(["stable", "exact"]))
def test_kept_rows_stay_under_either_rule(n: int, more: int, balance: str) -> None:
    rule = Rule(test=0.25, balance=balance)  # type: ignore[arg-type]
    units = [Unit(content=f"row {number}") for number in range(n + more)]
    names = [unit.content for unit in units]
    before = assign(units[:n], names[:n], rule)
    after = assign(units, names, rule, kept={unit.content: part for unit, part in zip(units, before, strict=False)})

    assert before == after[:n]
    if balance == "exact":
        assert 1 > abs(after.count("test") - 0.25 * len(after))


def test_a_new_row_that_belongs_to_both_sides_is_set_aside() -> None:
    units = [Unit(content=name) for name in ("in train", "in test", "bridge")]
    part_N = assign(units, ["one", "one", "one"], Rule(), kept={"in train": "train", "in test": "test"})

    assert ["train", "test", ASIDE] == part_N


TIMED = st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 50)), st.integers(0, 20)), min_size=1, max_size=100)


@settings(max_examples=150, deadline=None)
@given(rows=TIMED, gap=st.sampled_from([0.0, 3.0]), shares=SHARES)
def test_a_split_in_time_leaks_no_future_row_and_no_group(
    rows: list[tuple[int | None, int]], gap: float, shares: tuple[float, float]
) -> None:
    units = [Unit(content=f"row {n}", time_s=time) for n, (time, _) in enumerate(rows)]
    rule = Rule(time="at", gap_s=gap, test=shares[0], validation=shares[1])
    part_N = assign(units, [f"user={user}" for _, user in rows], rule)
    times = {
        name: [u.time_s for u, part in zip(units, part_N, strict=True) if part == name]
        for name in ("train", "validation", "test")
    }
    users = {name: {user for (_, user), part in zip(rows, part_N, strict=True) if part == name} for name in times}

    for early, late in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert not (users[early] & users[late])
        if times[early] and times[late]:
            assert max(times[early]) + gap < min(times[late]) + 1e-9  # type: ignore[type-var,operator]
            assert max(times[early]) < min(times[late])  # type: ignore[type-var]


def test_a_first_time_decides_where_it_is_given() -> None:
    units = [Unit(content=str(day), time_s=day) for day in range(10)]
    part_N = assign(units, [unit.content for unit in units], Rule(time="day", since="7", gap_s=2))

    assert ["train"] * 5 + [ASIDE] * 2 + ["test"] * 3 == part_N


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Rule(test=0.0), "hold something out"),
        (Rule(test=0.6, validation=0.5), "leave something for train"),
        (Rule(folds=1), "at least 2 parts"),
        (Rule(folds=3, time="at"), "neither time"),
        (Rule(gap_s=3), "which column holds the time"),
        (Rule(few_shot=(0,)), "at least 1 row"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(rule: Rule, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        rule.parts()
