"""What is kept of standings, booked, told and read after each step of random lives is what the plain function says of the whole history."""

from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from standing_model import CUSTOMERS, HOUR, Lives, utc

from loyalty.tiers import steps as tier_steps
from loyalty.tiers.rules import Scheme, Tier

STEPS = [Tier("bronze", 0), Tier("silver", 400), Tier("gold", 900), Tier("black", 1_600)]
POINTS = [Tier("bronze", 0), Tier("silver", 4), Tier("gold", 9), Tier("black", 16)]
VISITS = [Tier("bronze", 0), Tier("silver", 1), Tier("gold", 2), Tier("black", 4)]
SINCE = utc(2020, 1, 1)
# Near the ends of months and the changes of clocks.
BEGINNINGS = [utc(2026, 1, 28, 9), utc(2026, 3, 27, 12), utc(2026, 10, 23, 20), utc(2024, 2, 27, 23), utc(2026, 6, 10, 10)]


@st.composite
def schemes(draw, version=1, effective_from=SINCE):
    measure = draw(st.sampled_from(["spend", "spend", "visits", "points"]))
    tiers = {"spend": STEPS, "visits": VISITS, "points": POINTS}[measure]
    rolling = draw(st.booleans())
    unit = draw(st.sampled_from(["days", "days", "months"] if rolling else ["month", "month", "quarter"]))
    return Scheme(
        version,
        effective_from,
        ZoneInfo(draw(st.sampled_from(["UTC", "Europe/Riga", "America/New_York"]))),
        tiers[draw(st.integers(0, 1)) :],
        measure=measure,
        wallet="points",
        unit=unit,
        window=draw(st.integers(1, 2) if unit == "months" else st.integers(3, 45)) if rolling else 0,
        carry_periods=0 if rolling else draw(st.integers(0, 1)),
        hold_months=draw(st.sampled_from([0, 1, 2])) if rolling else 0,
        grace_days=draw(st.sampled_from([0, 0, 3])),
        downgrade=draw(st.sampled_from(["hard", "hard", "soft", "none"])),
    )


who = st.sampled_from(CUSTOMERS)
amounts = st.integers(0, 900)
# How late something is told, in hours; mostly at once.
lags = st.sampled_from([0, 0, 0, 0, 1, 5, 100, 700])
places = st.integers(0, 50)
gaps = st.sampled_from([0, 0, 1, 20, 20, 100, 300, 800])
buys = st.tuples(st.just("buy"), st.lists(st.tuples(who, amounts, lags), min_size=1, max_size=3))
steps = st.one_of(
    buys,
    buys,
    buys,
    buys,
    st.tuples(st.just("bring_back"), places, st.integers(0, 4), lags),
    st.tuples(st.just("bring_back"), places, st.integers(0, 4), lags),
    st.tuples(st.just("cancel"), places, lags),
    st.tuples(st.just("adjust"), who, st.sampled_from([-5, -1, 3, 9])),
    st.tuples(st.just("give"), who, st.sampled_from(["silver", "black", None]), st.sampled_from([1, 200, 900, None])),
    st.tuples(st.just("register"), who, lags),
    st.tuples(st.just("merge_or_part")),
    st.tuples(st.just("run_pass")),
    st.tuples(st.just("publish"), schemes(), lags),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    scheme=schemes(),
    begin=st.sampled_from(BEGINNINGS),
    life=st.lists(st.tuples(gaps, steps), min_size=8, max_size=25),
)
async def test_every_step_leaves_what_the_whole_history_says(monkeypatch, empty_ledger, story, scheme, begin, life):
    # Sums are kept of who has much; here of everybody who bought twice.
    monkeypatch.setattr(tier_steps, "_MANY", 1)
    async with empty_ledger() as ledger:
        note(f"{begin}: {scheme}")
        lives = Lives(story, begin)
        await lives.begin(ledger)
        await lives.publish(scheme)
        versions = 1
        for gap, (what, *how) in life:
            note(f"{gap} hours later: {what} {how}")
            lives.now += gap * HOUR
            await lives.set_clock()
            if what == "publish":
                new, lag = how
                versions += 1
                await lives.publish(Scheme(**{**vars_of(new), "version": versions, "effective_from": lives.now - lag * HOUR}))
            else:
                await getattr(lives, what)(*how)
            await lives.check()
        # Time that nobody notices, and the next look at everybody.
        lives.now += 10 * HOUR
        await lives.set_clock()
        await ledger.fetch("UPDATE tier_schemes SET is_booked = false, booked_to = ''")
        await lives.run_pass()
        lives.touched = set(CUSTOMERS)
        await lives.check()


def vars_of(scheme: Scheme) -> dict:
    return {name: getattr(scheme, name) for name in Scheme.__dataclass_fields__}
