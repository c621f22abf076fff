"""The fold over changes and links, against a model that looks at it from the other side."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from customers.merges.rules import outcomes
from customers.profiles.facts import facts_of, profile_of
from customers.profiles.rules import FIELDS, Profile, amended
from customers.provenance.rules import Change, Entry, Link, Provenance, displaces, fold, losing, repeats, survives

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
NAMES = ("city", "phone", "attributes.a")
VALUES = st.none() | st.sampled_from(["x", "y", "z"])
TEXTS = [name for name in FIELDS if name not in {"kind", "birth_date"}]
SOURCES = ("crm", "shop", "form")
ORDERS = st.lists(st.sampled_from(SOURCES), unique=True, min_size=1)


def change(number: int, record: str, fields: dict[str, Any], source: str = "api", rules: int = 0) -> Change:
    return Change(number, f"chg_{number}", record, NOW, Provenance(source), rules, fields)


@dataclass
class Model:
    """Looks backwards from the last link: what was told after it counts, else the survivor's own, else the merged one's."""

    changes: list[Change] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)

    def members(self, root: str, before: int) -> set[str]:
        found = {root}
        for link in sorted((each for each in self.links if each.number < before), key=lambda each: -each.number):
            if link.survivor_id in found:
                found.add(link.merged_id)
        grown = True
        while grown:
            grown = False
            for link in self.links:
                if link.number < before and link.survivor_id in found and link.merged_id not in found:
                    found.add(link.merged_id)
                    grown = True
        return found

    def value(self, root: str, name: str, before: int) -> Any:
        into = [link for link in self.links if link.survivor_id == root and link.number < before]
        last = max(into, key=lambda link: link.number, default=None)
        since = last.number if last is not None else -1
        family = self.members(root, before)
        told = [each for each in self.changes if each.record_id in family and since < each.number < before and name in each.fields]
        if told:
            return max(told, key=lambda each: each.number).fields[name]
        if last is None:
            return None
        own = self.value(root, name, last.number)
        return own if own is not None else self.value(last.merged_id, name, last.number)


class AnyStory(RuleBasedStateMachine):
    """Customers are edited through any of their ids, merged and unmerged, in any order."""

    @initialize(count=st.integers(2, 6))
    def begin(self, count: int) -> None:
        self.model = Model()
        self.ids = [f"c{number}" for number in range(count)]
        self.number = 0
        self.snapshots: list[tuple[int, list[Link], dict[str, dict[str, Any]]]] = []

    def next(self) -> int:
        self.number += 1
        return self.number

    def folded(self, before: int = 2**62, links: list[Link] | None = None):
        told = [each for each in self.model.changes if each.number < before]
        return fold(told, self.model.links if links is None else links, {})

    @rule(data=st.data(), name=st.sampled_from(NAMES), value=VALUES)
    def edit(self, data: st.DataObject, name: str, value: Any) -> None:
        record = data.draw(st.sampled_from(self.ids))
        self.model.changes.append(change(self.next(), record, {name: value}))

    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        folded = self.folded()
        roots = sorted({folded.root(each) for each in self.ids})
        if len(roots) > 1:
            survivor, merged = data.draw(st.permutations(roots))[:2]
            self.model.links.append(Link(self.next(), survivor, merged, 0))

    @precondition(lambda self: self.model.links)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        self.number += 1
        self.model.links.remove(data.draw(st.sampled_from(self.model.links)))

    @rule()
    def take_a_snapshot(self) -> None:
        folded = self.folded()
        self.snapshots.append((self.number + 1, list(self.model.links), {each: folded.values(each) for each in self.ids}))

    @invariant()
    def the_fold_is_the_model(self) -> None:
        folded = self.folded()
        for record in self.ids:
            root = folded.root(record)
            expected = {name: self.model.value(root, name, 2**62) for name in NAMES}
            assert folded.values(record) == {name: value for name, value in expected.items() if value is not None}

    @invariant()
    def every_id_resolves(self) -> None:
        folded = self.folded()
        merged = {link.merged_id for link in self.model.links}
        assert {folded.root(each) for each in self.ids} == set(self.ids) - merged

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        for before, links, values in self.snapshots:
            folded = self.folded(before, links)
            assert {each: folded.values(each) for each in self.ids} == values
        undone = self.folded(links=[])
        for record in self.ids:
            never_merged = fold([each for each in self.model.changes if each.record_id == record], [], {})
            assert undone.values(record) == never_merged.values(record)


TestAnyStory = AnyStory.TestCase
TestAnyStory.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)


class TestSources:
    @given(ORDERS, st.lists(st.tuples(st.sampled_from(SOURCES), st.sampled_from("xyz")), min_size=1))
    def test_the_best_source_that_spoke_wins_with_its_last_word(self, order, told):
        changes = [change(number, "c", {"city": value}, source, 1) for number, (source, value) in enumerate(told)]
        entry = fold(changes, [], {1: {"city": order}}).of("c")["city"]
        rank = {source: order.index(source) if source in order else len(order) for source in SOURCES}
        best = min(rank[source] for source, _ in told)
        assert entry.value == [value for source, value in told if rank[source] == best][-1]
        kept = [each.fields["city"] for each in losing(changes, "city", entry.change)]
        last = dict(told)
        assert len(kept) >= len(last) - 1

    @given(st.lists(st.tuples(st.sampled_from(SOURCES), VALUES)))
    def test_without_a_rule_the_last_word_counts(self, told):
        changes = [change(number, "c", {"city": value}, source) for number, (source, value) in enumerate(told)]
        assert fold(changes, [], {}).values("c").get("city") == (told[-1][1] if told else None)

    def test_a_lower_source_does_not_empty_what_a_higher_one_told_but_the_higher_does(self):
        first = Entry("x", change(1, "c", {"city": "x"}, "crm", 1), "latest")
        assert displaces(["crm"], first, None, "shop") is None
        assert displaces(["crm"], first, None, "crm") == "latest"

    def test_what_is_told_again_keeps_who_told_it_first_unless_he_is_believed_less(self):
        first = Entry("x", change(1, "c", {"city": "x"}, "shop", 1), "latest")
        assert displaces(None, first, "x", "crm") is None
        assert displaces(["shop", "crm"], first, "x", "crm") is None
        assert displaces(["crm", "shop"], first, "x", "crm") == "source_order"

    @pytest.mark.parametrize(
        ("order", "value", "reason"), [(None, "x", "survivor"), (["crm"], "y", "source_order"), (["shop"], "x", "survivor")]
    )
    def test_a_merge_looks_at_sources_too(self, order, value, reason):
        survivors = Entry("x", change(1, "a", {"city": "x"}, "shop"), "latest")
        merged = Entry("y", change(2, "b", {"city": "y"}, "crm"), "latest")
        assert survives(order, survivors, merged)[::2] == (value, reason)
        assert survives(order, None, merged)[::2] == ("y", "merged")

    @given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(NAMES), VALUES, st.sampled_from(SOURCES))), ORDERS)
    def test_a_preview_tells_what_the_merge_does(self, told, order):
        rules = {1: {"city": order}}
        changes = [change(number, record, {name: value}, source, 1) for number, (record, name, value, source) in enumerate(told)]
        apart = fold(changes, [], rules)
        before, fields = apart.values("a"), outcomes(apart.of("a"), apart.of("b"), rules[1])
        after = fold(changes, [Link(2**40, "a", "b", 1)], rules).values("a")
        expected = before | {each.field: each.merged for each in fields if each.winner == "merged"}
        assert after == expected

    def test_rules_of_their_time_decide(self):
        changes = [change(1, "c", {"city": "x"}, "crm"), change(2, "c", {"city": "y"}, "shop"), change(3, "c", {"city": "z"}, "crm", 1)]
        late = change(4, "c", {"city": "w"}, "shop", 1)
        folded = fold([late, *changes], [], {1: {"city": ["crm"]}})
        assert folded.values("c") == {"city": "z"}
        assert [each.fields["city"] for each in losing([*changes, late], "city", folded.of("c")["city"].change)] == ["w"]


class TestRepeats:
    """Hearing again what is known already may be left out only where nothing can depend on it."""

    @given(
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", None, "y"]), st.sampled_from(SOURCES)), max_size=8),
        st.lists(st.sampled_from([("a", "b"), ("a", "c"), ("b", "c")]), unique_by=lambda pair: pair[1], max_size=2),
        st.tuples(st.sampled_from("abc"), st.sampled_from(["x", None, "y"]), st.sampled_from(SOURCES)),
        st.sets(st.sampled_from("bc")),
    )
    def test_nothing_depends_on_what_is_left_out(self, told, pairs, again, undone):
        changes = [change(10 * number, record, {"city": value}, source) for number, (record, value, source) in enumerate(told)]
        links = [
            Link(10 * len(changes) // 2 + 1 + number, survivor, merged, 0)
            for number, (survivor, merged) in enumerate(sorted(pairs, reverse=True))
        ]
        record, value, source = again
        repeated = change(10_000, record, {"city": value}, source)
        whole = fold(changes, links, {})
        family = {each for each in "abc" if whole.root(each) == whole.root(record)}
        of_family = [each for each in changes if each.record_id in family]
        if repeats(of_family, [link for link in links if link.merged_id in family], repeated, "city"):
            later = [change(10_001, other, {"city": "w"}) for other in "abc"]
            kept = [link for link in links if link.merged_id not in undone]
            for more in ([], later[:1], later):
                one, two = fold([*changes, *more], kept, {}), fold([*changes, repeated, *more], kept, {})
                assert [one.values(each) for each in "abc"] == [two.values(each) for each in "abc"]


class TestFacts:
    @given(st.dictionaries(st.sampled_from(TEXTS), st.none() | st.text("abž", min_size=1)))
    def test_a_profile_comes_back_from_its_facts(self, texts):
        objects = {name: {"a": text, "b.c": [text]} for name, text in texts.items() if name in {"attributes", "preferences"}}
        lists = {name: [text] for name, text in texts.items() if name in {"addresses", "interests", "values", "lifestyle", "tags"}}
        profile, names = amended(Profile(), texts | objects | lists)
        assert profile_of(facts_of(profile, names)) == profile

    def test_attributes_are_fields_of_their_own(self):
        before, _ = amended(Profile(), {"attributes": {"a": 1, "b": 2, "c": 3}, "birth_date": NOW.date()})
        after, names = amended(before, {"attributes": {"a": 1, "b": True, "d": 4}, "birth_date": None})
        assert facts_of(after, names, before) == {"attributes.b": True, "attributes.c": None, "attributes.d": 4, "birth_date": None}
