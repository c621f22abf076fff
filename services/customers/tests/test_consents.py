"""Consents over HTTP: answers with their proofs, double opt-in, decisions, the preference page."""

import re
from datetime import timedelta

import asyncpg
import pytest

from shared.contracts.customers import ConsentChanged

MARKETING = {
    "legal_basis": "consent",
    "channels": ["email", "sms"],
    "text_version": "2026-05",
    "texts": {
        "en": {"title": "News", "text": "We may write to you."},
        "lv": {"title": "Jaunumi", "text": "Mēs drīkstam jums rakstīt."},
        "ru": {"title": "Новости", "text": "Мы можем вам писать."},
        "zh": {"title": "新闻", "text": "我们可以给您写信。"},
    },
}
GRANTED = {"granted": True, "source": "form", "text_version": "2026-05"}
WITHDRAWN = GRANTED | {"granted": False}


@pytest.fixture
async def customer(client) -> str:
    return (await client.post("/v1/customers", json={"name": "Ilze", "language": "lv"})).json()["id"]


def path(customer: str, purpose: str = "marketing", channel: str = "email") -> str:
    return f"/v1/customers/{customer}/consents/{purpose}/{channel}"


async def check(client, customer, purpose="marketing", channel="email"):
    answer = await client.post("/v1/consents/check", json={"customer_id": customer, "purpose": purpose, "channel": channel})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_answer_is_kept_with_its_proof(client, customer, published, clock):
    await client.put("/v1/consent-purposes/marketing", json=MARKETING)
    first = await client.put(path(customer), json=GRANTED)
    assert first.status_code == 200
    consent = first.json()["consent"]
    assert (consent["granted"], consent["state"], consent["text_version"]) == (True, "granted", "2026-05")
    assert first.json()["confirmation_token"] is None
    await client.put(path(customer), json=WITHDRAWN)
    shown = (await client.get(f"/v1/customers/{customer}/consents")).json()
    assert (shown["customer_id"], shown["restricted"]) == (customer, False)
    assert [(each["id"], each["granted"]) for each in shown["data"]] == [(consent["id"], False)]
    assert [(each["version"], each["state"]) for each in shown["history"]] == [(2, "withdrawn"), (1, "granted")]
    assert all(each["text_sha256"] and each["actor"].startswith("server:") for each in shown["history"])
    events = await published("consent")
    assert [(event.granted, sequence) for event, sequence in events] == [(True, 1), (False, 2)]
    assert isinstance(events[0][0], ConsentChanged)


async def test_a_withdrawal_counts_at_once(client, customer):
    await client.put(path(customer), json=GRANTED)
    assert (await check(client, customer))["allowed"]
    await client.put(path(customer), json=WITHDRAWN)
    decision = await check(client, customer)
    assert (decision["allowed"], decision["reason"]) == (False, "withdrawn")
    await client.put(path(customer), json=GRANTED)
    assert (await check(client, customer))["allowed"]


async def test_an_old_answer_changes_only_the_history(client, customer, clock):
    await client.put(path(customer), json=WITHDRAWN)
    long_ago = (clock.now() - timedelta(days=400)).isoformat()
    consent = (await client.put(path(customer), json=GRANTED | {"observed_at": long_ago})).json()["consent"]
    assert not consent["granted"]
    history = (await client.get(f"/v1/customers/{customer}/consents")).json()["history"]
    assert {each["state"] for each in history} == {"granted", "withdrawn"}
    future = (clock.now() + timedelta(hours=1)).isoformat()
    refused = await client.put(path(customer), json=GRANTED | {"observed_at": future})
    assert (refused.status_code, refused.json()["code"]) == (422, "observed_in_future")


async def test_decisions_are_kept(client, customer):
    never = await check(client, customer)
    assert (never["allowed"], never["reason"], never["basis"]) == (False, "never_asked", {})
    consent = (await client.put(path(customer), json=GRANTED)).json()["consent"]
    granted = await check(client, customer)
    assert (granted["reason"], granted["basis"]) == ("granted", {consent["id"]: 1})
    await client.put(path(customer), json=WITHDRAWN)
    for decision in (never, granted):
        assert (await client.get(f"/v1/consents/decisions/{decision['decision_id']}")).json() == decision
    assert (await client.get("/v1/consents/decisions/nothing")).json()["code"] == "decision_not_found"


@pytest.mark.parametrize(
    ("basis", "asked", "allowed"),
    [
        ("contract", None, True),
        ("contract", WITHDRAWN, True),
        ("legitimate_interest", None, True),
        ("legitimate_interest", WITHDRAWN, False),
        ("consent", None, False),
        ("consent", WITHDRAWN, False),
        ("consent", GRANTED, True),
    ],
)
async def test_the_legal_basis_decides(client, customer, basis, asked, allowed):
    await client.put("/v1/consent-purposes/service", json={"legal_basis": basis})
    if asked:
        await client.put(path(customer, "service"), json=asked)
    assert (await check(client, customer, "service"))["allowed"] == allowed
    await client.put(f"/v1/customers/{customer}/restriction", json={"reason": "objection"})
    decision = await check(client, customer, "service")
    assert (decision["allowed"], decision["reason"]) == (False, "restricted")


async def test_a_batch_of_questions(client, customer):
    await client.put(path(customer), json=GRANTED)
    good = {"customer_id": customer, "purpose": "marketing", "channel": "email"}
    items = [good, good | {"channel": "sms"}, good | {"customer_id": "cus_00000000000000000000000000"}, {"purpose": "x"}, good]
    answer = await client.post("/v1/consents/check/batch", json={"items": items})
    results = answer.json()["results"]
    assert [each["status"] for each in results] == [200, 200, 404, 422, 200]
    assert [each["decision"]["allowed"] for each in results if "decision" in each] == [True, False, True]
    kept = await client.get(f"/v1/consents/decisions/{results[0]['decision']['decision_id']}")
    assert kept.json() == results[0]["decision"] | {"quiet_until": None}
    bad = await client.post("/v1/consents/check/batch", json={"items": [{}, 7]})
    assert [each["status"] for each in bad.json()["results"]] == [422, 422]
    nobody = await client.post("/v1/consents/check", json=items[2])
    assert (nobody.status_code, nobody.json()["code"]) == (404, "customer_not_found")


class TestDoubleOptIn:
    @pytest.fixture(autouse=True)
    async def purpose(self, client):
        await client.put("/v1/consent-purposes/marketing", json=MARKETING | {"double_opt_in": True})

    async def test_an_agreement_waits_for_its_confirmation(self, client, customer, published):
        pending = (await client.put(path(customer), json=GRANTED)).json()
        assert (pending["consent"]["granted"], pending["consent"]["state"]) == (False, "pending")
        assert (await check(client, customer))["reason"] == "pending"
        del client.headers["authorization"]
        for _ in range(2):
            confirmed = await client.post("/v1/consents/confirm", json={"token": pending["confirmation_token"]})
            assert (confirmed.status_code, confirmed.json()["granted"]) == (200, True)
        assert [(event.granted, sequence) for event, sequence in await published("consent")] == [(False, 1), (True, 2)]

    async def test_a_withdrawal_beats_a_late_confirmation(self, client, customer):
        token = (await client.put(path(customer), json=GRANTED)).json()["confirmation_token"]
        await client.put(path(customer), json=WITHDRAWN)
        late = await client.post("/v1/consents/confirm", json={"token": token})
        assert (late.status_code, late.json()["code"]) == (409, "confirmation_superseded")
        assert not (await check(client, customer))["allowed"]

    async def test_a_confirmation_expires(self, client, customer, clock):
        token = (await client.put(path(customer), json=GRANTED)).json()["confirmation_token"]
        clock.advance(timedelta(days=7, seconds=1))
        late = await client.post("/v1/consents/confirm", json={"token": token})
        assert (late.status_code, late.json()["code"]) == (422, "confirmation_invalid")

    async def test_other_tokens_confirm_nothing(self, client, customer):
        link = (await client.post(f"/v1/customers/{customer}/preference-links", json={})).json()["path"].rpartition("/")[2]
        member = (await client.post("/v1/member-tokens", json={"customer_id": customer})).json()["token"]
        for token in (link, member, "x.y.z", member[:-4] + "AAAA"):
            answer = await client.post("/v1/consents/confirm", json={"token": token})
            assert answer.json()["code"] == "confirmation_invalid"

    async def test_a_confirmation_token_is_no_access_token(self, client, customer):
        token = (await client.put(path(customer), json=GRANTED)).json()["confirmation_token"]
        answer = await client.get(f"/v1/customers/{customer}", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 401


class TestPurposes:
    async def test_the_catalogue(self, client):
        assert (await client.put("/v1/consent-purposes/marketing", json=MARKETING)).status_code == 200
        shown = (await client.get("/v1/consent-purposes/marketing")).json()
        assert shown["texts"]["2026-05"] == MARKETING["texts"]
        assert (shown["legal_basis"], shown["double_opt_in"], shown["channels"]) == ("consent", False, ["email", "sms"])
        assert [each["purpose"] for each in (await client.get("/v1/consent-purposes")).json()["data"]] == ["marketing"]
        assert (await client.get("/v1/consent-purposes/other")).json()["code"] == "purpose_not_found"

    async def test_a_text_never_changes(self, client):
        await client.put("/v1/consent-purposes/marketing", json=MARKETING)
        assert (await client.put("/v1/consent-purposes/marketing", json=MARKETING)).status_code == 200
        other = MARKETING | {"texts": {"en": {"title": "News", "text": "We may sell your data."}}}
        refused = await client.put("/v1/consent-purposes/marketing", json=other)
        assert (refused.status_code, refused.json()["code"]) == (409, "text_fixed")
        newer = await client.put("/v1/consent-purposes/marketing", json=other | {"text_version": "2026-06"})
        assert sorted(newer.json()["texts"]) == ["2026-05", "2026-06"]
        back = {"legal_basis": "consent", "text_version": "2026-05"}
        assert (await client.put("/v1/consent-purposes/marketing", json=back)).json()["text_version"] == "2026-05"
        unknown = await client.put("/v1/consent-purposes/marketing", json=back | {"text_version": "1999"})
        assert unknown.json()["code"] == "text_version_unknown"


@pytest.mark.parametrize(
    "change",
    [
        {"granted": "yes"},
        {"source": ""},
        {"source": None},
        {"text_version": ""},
        {"observed_at": "yesterday"},
        {"customer_id": "cus_1"},
    ],
)
async def test_bad_answers_are_refused(client, customer, change):
    assert (await client.put(path(customer), json=GRANTED | change)).status_code == 422


async def test_nobody_has_no_consents(client):
    nobody = "cus_00000000000000000000000000"
    assert (await client.put(path(nobody), json=GRANTED)).json()["code"] == "customer_not_found"
    assert (await client.get(f"/v1/customers/{nobody}/consents")).json()["code"] == "customer_not_found"
    assert (await client.post(f"/v1/customers/{nobody}/preference-links", json={})).status_code == 404


async def test_a_member_sees_and_changes_his_own(client, customer):
    other = (await client.post("/v1/customers", json={})).json()["id"]
    token = (await client.post("/v1/member-tokens", json={"customer_id": customer})).json()["token"]
    headers = {"authorization": f"Bearer {token}"}
    assert (await client.put(path(customer), json=GRANTED, headers=headers)).status_code == 200
    assert (await client.get(f"/v1/customers/{customer}/consents", headers=headers)).json()["data"][0]["granted"]
    assert (await client.put(path(other), json=GRANTED, headers=headers)).status_code == 404
    assert (await client.get(f"/v1/customers/{other}/consents", headers=headers)).status_code == 404


async def test_proofs_are_append_only(client, customer, database):
    await client.put(path(customer), json=GRANTED)
    async with database.acquire() as connection:
        for statement in ("UPDATE consent_history SET state = 'withdrawn'", "DELETE FROM consent_history", "TRUNCATE consent_history"):
            with pytest.raises((asyncpg.RestrictViolationError, asyncpg.InsufficientPrivilegeError)):
                async with connection.transaction():
                    await connection.execute(statement)


class TestPreferencePage:
    @pytest.fixture
    async def page(self, client, customer):
        await client.put("/v1/consent-purposes/marketing", json=MARKETING | {"double_opt_in": True})
        await client.put("/v1/consent-purposes/billing", json={"legal_basis": "contract"})
        link = await client.post(f"/v1/customers/{customer}/preference-links", json={"channel": "email"})
        assert link.status_code == 201
        assert link.json()["url"].endswith(link.json()["path"])
        del client.headers["authorization"]
        return link.json()["path"]

    async def test_it_shows_what_can_be_chosen_in_his_language(self, client, page):
        answer = await client.get(page)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert '<html lang="lv">' in answer.text
        assert "Mēs drīkstam jums rakstīt." in answer.text
        assert "billing" not in answer.text
        assert not re.search(r"https?://|<script|src=", answer.text)
        assert len(re.findall("<label for=", answer.text)) == len(re.findall('type="checkbox"', answer.text)) == 2

    async def test_what_he_chooses_counts(self, client, page, customer, published):
        fields = "shown=marketing/email&shown=marketing/sms&text:marketing=2026-05&granted=marketing/email&granted=marketing/sms"
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = await client.post(page, content=fields, headers=headers)
        assert answer.status_code == 200
        assert 'role="status"' in answer.text
        # The link came by e-mail, which confirms e-mail and nothing else.
        assert [(event.channel, event.granted) for event, _ in await published("consent")] == [("email", True), ("sms", False)]
        assert "gaida" in answer.text
        await client.post(page, content="shown=marketing/email", headers=headers)
        assert [(event.channel, event.granted) for event, _ in await published("consent")][2:] == [("email", False)]
        # The same once more changes nothing.
        await client.post(page, content="shown=marketing/email", headers=headers)
        assert len(await published("consent")) == 3

    @pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"shown=billing/email&granted=billing/email", b"&".join([b"shown=x"] * 3000)])
    async def test_strange_forms_change_nothing(self, client, page, published, body):
        answer = await client.post(page, content=body, headers={"content-type": "application/x-www-form-urlencoded"})
        assert answer.status_code == 200
        assert await published("consent") == []

    async def test_too_large_a_form_is_refused(self, client, page):
        assert (await client.post(page, content=b"a=" + b"x" * 70_000)).status_code == 413

    async def test_a_link_expires(self, client, page, clock):
        clock.advance(timedelta(days=30, seconds=1))
        problem = await client.get(page)
        assert (problem.status_code, problem.json()["code"]) == (404, "preference_link_invalid")
        for language, word in (("ru-RU,ru;q=0.9", "Эта ссылка"), ("zh-CN", "此链接"), ("de,lv;q=0.5", "Šī saite"), ("fr", "This link")):
            answer = await client.get(page, headers={"accept": "text/html", "accept-language": language})
            assert answer.status_code == 404
            assert word in answer.text
        assert (await client.post(page, content=b"shown=marketing/email")).status_code == 404

    @pytest.mark.parametrize(("language", "word"), [("ru", "Сохранить"), ("zh-Hant-TW", "保存"), ("en-GB", "Save"), ("de", "Save")])
    async def test_it_speaks_four_languages(self, client, language, word):
        customer = (await client.post("/v1/customers", json={"language": language})).json()["id"]
        await client.put("/v1/consent-purposes/marketing", json=MARKETING)
        link = (await client.post(f"/v1/customers/{customer}/preference-links", json={})).json()["path"]
        assert word in (await client.get(link)).text
