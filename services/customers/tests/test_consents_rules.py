"""What a customer's answers amount to: no merge loses an opt-out, and unmerging gives each his own answer back."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from customers.consents.rules import Held, Link, answered, decide, effective, joined_since

AT = datetime(2026, 5, 1, tzinfo=UTC)
RECORDS = ["cus_a", "cus_b", "cus_c", "cus_d"]
STRICTNESS = {"granted": 0, "pending": 1, "withdrawn": 2}
states = st.sampled_from(["granted", "pending", "withdrawn"])
bases = st.sampled_from(["consent", "contract", "legal_obligation", "vital_interest", "public_task", "legitimate_interest"])


def held(record: str, state: str, number: int, at: int | None = None) -> Held:
    return Held(f"con_{record}", record, 1, state, AT + timedelta(minutes=number if at is None else at), number)  # pyright: ignore[reportArgumentType]


@st.composite
def families(draw):
    """Return answers of records, each before all merges or after, and merges that make them one tree."""
    size = draw(st.integers(1, len(RECORDS)))
    records = RECORDS[:size]
    numbers = draw(st.permutations(range(1, 2 * size)))
    links = [Link(records[n], records[draw(st.integers(0, n - 1))], numbers[n - 1]) for n in range(1, size)]
    answers = [held(record, draw(states), numbers[size - 1 + n]) for n, record in enumerate(records) if draw(st.booleans())]
    return answers, links


def test_nobody_was_asked():
    assert effective([], []) is None


@given(states)
def test_the_only_answer_counts(state):
    one = held("cus_a", state, 1)
    assert effective([one], []) is one


def test_an_opt_out_survives_a_merge():
    """The case of Mautic #16118: a contact who had opted out was merged into one who had not, and got mail again."""
    granted, withdrawn = held("cus_a", "granted", 2), held("cus_b", "withdrawn", 1)
    for link in (Link("cus_b", "cus_a", 3), Link("cus_a", "cus_b", 3)):
        for answers in ([granted, withdrawn], [withdrawn, granted]):
            assert effective(answers, [link]) is withdrawn


def test_who_opts_in_after_the_merge_is_heard():
    withdrawn, granted = held("cus_b", "withdrawn", 1), held("cus_a", "granted", 3)
    assert effective([withdrawn, granted], [Link("cus_b", "cus_a", 2)]) is granted
    # Recorded after the merge, but observed before the withdrawal: an old import.
    late = held("cus_a", "granted", 3, at=0)
    assert effective([withdrawn, late], [Link("cus_b", "cus_a", 2)]) is withdrawn


@given(families())
def test_answers_before_all_merges_give_the_most_restrictive(family):
    answers, links = family
    before = [held(each.record_id, each.state, -each.number) for each in answers]
    counting = effective(before, links)
    strictest = max((STRICTNESS[each.state] for each in answers), default=None)
    assert (counting and STRICTNESS[counting.state]) == strictest


@given(families())
def test_an_answer_after_all_merges_counts(family):
    answers, links = family
    for record in {link.merged_id for link in links} | {"cus_a"}:
        last = held(record, "granted", 1_000)
        others = [each for each in answers if each.record_id != record]
        assert effective([*others, last], links) is last


@given(families(), st.randoms(use_true_random=False))
def test_the_order_of_records_and_links_does_not_matter(family, random):
    answers, links = family
    counting = effective(answers, links)
    random.shuffle(answers)
    random.shuffle(links)
    assert effective(answers, links) == counting


@given(families())
def test_the_counting_answer_was_given(family):
    answers, links = family
    counting = effective(answers, links)
    assert (counting in answers) == bool(answers)


@given(families())
def test_a_withdrawal_is_only_replaced_by_what_was_said_for_its_record(family):
    answers, links = family
    counting = effective(answers, links)
    for each in answers:
        if each.state == "withdrawn" and counting is not None and counting.state != "withdrawn":
            later = [other for other in answers if other.number > each.number]
            assert any((joined_since(other.record_id, each.record_id, links) or 10**9) < other.number for other in later)


def test_strangers_were_never_joined():
    assert joined_since("cus_a", "cus_b", []) is None
    assert joined_since("cus_a", "cus_c", [Link("cus_a", "cus_b", 5)]) is None


def test_the_last_merge_on_the_way_joins():
    links = [Link("cus_b", "cus_a", 1), Link("cus_c", "cus_b", 7), Link("cus_d", "cus_a", 4)]
    assert joined_since("cus_c", "cus_a", links) == 7
    assert joined_since("cus_b", "cus_d", links) == 4
    assert joined_since("cus_d", "cus_c", links) == 7
    assert joined_since("cus_a", "cus_a", links) == 0


@given(
    st.sampled_from(["consent", "contract", "legal_obligation", "vital_interest", "public_task", "legitimate_interest"]), states | st.none()
)
def test_a_restriction_allows_nothing(basis, state):
    assert decide(basis, state, restricted=True) == (False, "restricted")


@given(
    st.sampled_from(["consent", "contract", "legal_obligation", "vital_interest", "public_task", "legitimate_interest"]), states | st.none()
)
def test_the_matrix_of_bases_and_answers(basis, state):
    allowed, reason = decide(basis, state, restricted=False)
    if basis == "consent":
        assert (allowed, reason) == (state == "granted", state or "never_asked")
    elif basis in ("legitimate_interest", "public_task"):
        assert allowed == (state != "withdrawn")
    else:
        assert (allowed, reason) == (True, "legal_basis")


@given(st.booleans(), st.booleans(), st.booleans())
def test_an_agreement_waits_for_its_second_step(granted, double_opt_in, confirmed):
    state = answered(granted=granted, double_opt_in=double_opt_in, confirmed=confirmed)
    assert (state == "withdrawn") == (not granted)
    assert (state == "pending") == (granted and double_opt_in and not confirmed)
