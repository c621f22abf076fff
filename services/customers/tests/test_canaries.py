"""Goal F13 within the service: what is written through every route is erased from every table."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from privacy_answers import CONFIRMED, hear, receipt_of

from customers.app import SERVICE
from customers.privacy.erasures.service import on_erasures_confirmed
from shared.http.routing import Route

# Letters only, so that search learns them as a name; nobody and nothing else is called so.
NAME = "Kanarijputnis Zeltspalvins"
FORMER_NAME = "Vecvards Agraknosaukts"
MAIL, FORMER_MAIL = "kanarijs.canary@putni.example", "vecais.canary@putni.example"
PHONE, FORMER_PHONE = "+37120090817", "+37120090826"
ID = "canary-4711"
NEEDLES = (
    *("kanarijputnis", "zeltspalvins", "vecvards", "agraknosaukts", "canary", "kanarijs", "putni.example"),
    *("20090817", "20090826", "71809002", "62809002", "1901-02-03"),
)
# What these routes take is of the company and not of a customer, or names things that exist by their ids.
IMPERSONAL = frozenset(
    {
        *("api_keys_create", "api_keys_revoke", "attribute_definitions_create", "attribute_definitions_update"),
        *("attribute_definitions_archive", "attribute_settings_set", "identity_rules_replace", "stage_rules_set"),
        *("survivorship_rules_set", "consent_purposes_put", "audit_verify", "erasures_create", "erasures_verify"),
        *("access_exports_create", "member_tokens_create", "merges_preview", "merges_undo", "identities_remove", "notes_delete"),
        *("orders_update", "orders_advance", "orders_cancel", "consents_check", "consents_check_batch", "consents_confirm"),
        *("restrictions_put", "restrictions_delete", "preference_links_create", "duplicates_scan", "duplicates_review"),
        *("duplicates_confirm", "duplicates_reject", "imports_apply", "imports_cancel", "imports_undo", "jobs_cancel"),
        *("holdings_note_balance", "contacts_delete", "organisations_set", "materials_create", "materials_progress"),
        *("segments_create", "segments_update", "segments_remove"),
    }
)
# Written by the test below.
WRITTEN = frozenset(
    {
        *("customers_create", "customers_update", "customers_upsert_batch", "customers_identify", "identities_add"),
        *("notes_create", "notes_update", "orders_create", "orders_create_batch", "orders_return", "orders_refund", "orders_correct"),
        *("interactions_record", "interactions_record_batch"),
        *("consents_put", "preferences_change", "stages_set", "merges_create", "imports_create", "exports_create"),
        *("holdings_record", "holdings_update", "customers_rate_credit", "contacts_create", "contacts_update"),
        *("segments_enter", "segments_leave"),
    }
)

_TABLES = """
SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'customers' AND c.relkind IN ('r', 'm') AND NOT c.relispartition
UNION ALL SELECT relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'customers' AND c.relkind = 'r' AND c.relispartition
"""


@pytest.fixture
def client(quiet_client):
    return quiet_client


async def hits(database) -> dict[str, set[str]]:
    """Return which needles each table of the schema holds, in text, in JSON or in bytes."""
    found: dict[str, set[str]] = {}
    async with database.acquire() as connection:
        for row in await connection.fetch(_TABLES):
            table = row["relname"]
            for needle in NEEDLES:
                patterns = [f"%{needle}%", f"%{needle.encode().hex()}%"]
                count = await connection.fetchval(f'SELECT count(*) FROM "{table}" AS t WHERE lower(t::text) LIKE ANY($1)', patterns)
                if count:
                    found.setdefault(table, set()).add(needle)
    return found


class Writer:
    """Writes canaries through the routes."""

    def __init__(self, client: Any, now: datetime, work: Any) -> None:
        self.client, self.now, self.work = client, now, work

    async def post(self, path: str, body: Any, status: int = 201, **options: Any) -> dict[str, Any]:
        answer = await self.client.post(path, json=body, **options)
        assert answer.status_code == status, (path, answer.text)
        return answer.json()

    async def profile(self) -> str:
        await self.post("/v1/attribute-definitions", {"name": "pet", "type": "text", "filterable": True})
        person = {
            "name": FORMER_NAME,
            "email": FORMER_MAIL,
            "phone": FORMER_PHONE,
            "external_id": ID,
            "birth_date": "1901-02-03",
        }
        more = {"city": "Canaryville", "occupation": "canary keeper", "owner": "canary.owner", "tags": ["canary"], "interests": ["canary"]}
        rest = {"attributes": {"pet": "canary", "free": {"deep": "canary"}}, "values": ["canary"], "lifestyle": ["canary"]}
        address = {"kind": "home", "lines": ["Canary street 1"], "postcode": "CANARY1", "city": "Rīga", "country": "LV"}
        key = {"idempotency-key": "first-try"}
        made = await self.client.post("/v1/customers", json=person | more | rest | {"addresses": [address]}, headers=key)
        assert made.status_code == 201, made.text
        path = f"/v1/customers/{made.json()['id']}"
        change = {"name": NAME, "email": MAIL, "phone": PHONE, "source": "canary_shop"}
        assert (await self.client.patch(path, json=change, headers={"if-match": made.headers["etag"]})).status_code == 200
        seen = [{"kind": "email", "value": MAIL}, {"kind": "account", "value": "canary-account", "source": "canary"}]
        await self.post("/v1/customers/identify", {"identities": seen, "profile": {"marital_status": "single"}}, 200)
        batch = {"items": [{"external_id": ID, "occupation": "canary breeder"}, {"external_id": f"{ID}-2", "name": NAME}]}
        await self.post("/v1/customers/batch", batch, 200)
        return made.json()["id"]

    async def details(self, customer: str) -> None:
        path = f"/v1/customers/{customer}"
        await self.post(f"{path}/identities", {"kind": "card", "value": "canary-card", "source": "canary"})
        await self.post("/v1/segments", {"code": "vip", "names": {"en": "Best customers"}})
        for step in ("members", "leave", "members"):
            await self.post(f"/v1/segments/vip/{step}", {"items": [{"external_id": ID}]}, 200)
        note = await self.client.post(f"{path}/notes", json={"text": "canary note"})
        assert note.status_code == 201, note.text
        headers = {"if-match": note.headers["etag"]}
        assert (await self.client.patch(f"{path}/notes/{note.json()['id']}", json={"text": "canary"}, headers=headers)).status_code == 200
        staged = await self.client.put(f"{path}/stages/journey", json={"stage": "advocacy", "reason": "canary reason"})
        assert staged.status_code == 200, staged.text
        met = {"customer_id": customer, "kind": "call", "subject": "canary", "text": "canary words", "external_id": "canary-call"}
        await self.post("/v1/interactions", met | {"attributes": {"line": "canary"}})
        await self.post("/v1/interactions/batch", {"items": [met | {"external_id": "canary-call-2"}]}, 200)

    async def orders(self, customer: str) -> None:
        # Articles and shops are the seller's, and travel in events; his own numbers of the order are not told.
        lines = [{"sku": "seed-1", "quantity": 2, "amount_minor": 200, "category": "food"}]
        order = {"external_id": "canary-order", "placed_at": self.now.isoformat(), "currency": "EUR", "shop": "shop-1", "lines": lines}
        made = await self.post("/v1/orders", order | {"customer_id": customer})
        back = {"external_id": "canary-return", "lines": [{"sku": "seed-1", "quantity": 1}]}
        await self.post(f"/v1/orders/{made['id']}/returns", back)
        await self.post(f"/v1/orders/{made['id']}/refunds", {"external_id": "canary-refund", "refund_minor": 5})
        item = order | {"external_id": "canary-order-2", "customer_external_id": ID}
        await self.post("/v1/orders/batch", {"items": [item]}, 200)
        third = await self.post("/v1/orders", order | {"external_id": "canary-order-3", "customer_id": customer})
        await self.post(f"/v1/orders/{third['id']}/corrections", {"external_id": "canary-order-4", "lines": lines})

    async def holdings(self, customer: str) -> None:
        holding = {"customer_id": customer, "product_kind": "deposit", "currency": "EUR", "name": "canary deposit"}
        more = {"external_id": "canary-holding", "opened_at": self.now.isoformat()}
        made = await self.client.post("/v1/holdings", json=holding | more)
        assert made.status_code == 201, made.text
        headers = {"if-match": made.headers["etag"]}
        change = {"name": "canary savings", "attributes": {"x": "canary"}}
        assert (await self.client.patch(f"/v1/holdings/{made.json()['id']}", json=change, headers=headers)).status_code == 200
        rating = {"rating": "canary", "source": "canary bureau", "rated_at": self.now.isoformat()}
        await self.post(f"/v1/customers/{customer}/credit-ratings", rating)

    async def organisations(self, customer: str) -> None:
        employer = (await self.post("/v1/customers", {"kind": "organisation", "name": "Putns SIA"}))["id"]
        role = {"person_id": customer, "title": "canary keeper"}
        contact = await self.client.post(f"/v1/customers/{employer}/contacts", json=role)
        assert contact.status_code == 201, contact.text
        path, headers = f"/v1/customers/{employer}/contacts/{contact.json()['id']}", {"if-match": contact.headers["etag"]}
        assert (await self.client.patch(path, json={"title": "canary breeder"}, headers=headers)).status_code == 200

    async def consents(self, customer: str) -> None:
        answer = {"granted": True, "source": "canary form", "text_version": "canary"}
        token = (await self.post("/v1/member-tokens", {"customer_id": customer}))["token"]
        member = {"authorization": f"Bearer {token}", "idempotency-key": "member-try"}
        path = f"/v1/customers/{customer}/consents/marketing/email"
        assert (await self.client.put(path, json=answer, headers=member)).status_code == 200
        link = (await self.post(f"/v1/customers/{customer}/preference-links", {}))["path"]
        fields = "shown=marketing/email&text:marketing=canary"
        headers = {"content-type": "application/x-www-form-urlencoded"}
        assert (await self.client.post(link, content=fields, headers=headers)).status_code == 200
        await self.post("/v1/consents/check", {"customer_id": customer, "purpose": "marketing", "channel": "email"}, 200)

    async def merges_and_files(self, customer: str) -> None:
        twin = (await self.client.get("/v1/customers", params={"external_id": f"{ID}-2"})).json()["data"][0]["id"]
        await self.post("/v1/merges", {"survivor_id": customer, "merged_id": twin, "reason": "canary look"})
        rows = f"external_id,name,email\n{ID}-3,{NAME},third.{MAIL}\n"
        for options in ({}, {"dry_run": "true"}):
            answer = await self.client.post("/v1/imports", content=rows.encode(), headers={"content-type": "text/csv"}, params=options)
            assert answer.status_code == 202, answer.text
            await self.work()
        third = (await self.client.get("/v1/customers", params={"external_id": f"{ID}-3"})).json()["data"][0]["id"]
        await self.post("/v1/merges", {"survivor_id": customer, "merged_id": third})
        await self.post("/v1/exports", {"format": "csv"}, 202)
        await self.work()
        await self.post("/v1/access-exports", {"customer_id": customer}, 202)


@pytest.fixture
async def customer(client, clock, work) -> str:
    """A customer all of whose data are canaries."""
    writer = Writer(client, clock.now() - timedelta(days=1), work)
    customer = await writer.profile()
    for write in (writer.details, writer.orders, writer.holdings, writer.organisations, writer.consents, writer.merges_and_files):
        await write(customer)
    return customer


def test_every_route_that_writes_is_thought_of():
    operations = {
        route.operation_id
        for router in SERVICE.routers
        for route in router.routes
        if isinstance(route, Route) and not (route.methods or set()) <= {"GET", "HEAD"}
    }
    assert operations - IMPERSONAL - WRITTEN == set()


async def test_the_scan_bites(client, database, customer):
    found = await hits(database)
    expected = {"customers", "profile_changes", "orders", "touches", "notes", "consents", "consent_history", "interactions"}
    assert expected <= found.keys()
    assert {"name_words", "customer_identities", "stage_moves", "merges", "export_files", "import_files"} <= found.keys()
    # Events and the audit log hold ids and names of fields only, from the beginning.
    assert not [table for table in found if table.startswith(("event_log", "audit"))]


async def test_nothing_is_left(client, database, customer, work):
    # Who remains is called alike, in part: his words stay.
    await client.post("/v1/customers", json={"name": "Zeltspalvins"})
    answer = await client.post("/v1/erasures", json={"customer_id": customer})
    assert answer.status_code == 202, answer.text
    left = await hits(database)
    assert left.pop("customers") == left.pop("name_words") == left.pop("profile_changes") == {"zeltspalvins"}
    assert left == {}
    await hear(database, on_erasures_confirmed, *(receipt_of(service, answer.json()) for service in CONFIRMED))
    verified = await client.post(f"/v1/erasures/{answer.json()['id']}/verify")
    assert verified.json()["valid"]


async def test_a_replayed_file_brings_nobody_back(client, database, customer, work):
    await client.post("/v1/erasures", json={"customer_id": customer})
    rows = f"external_id,name,email\n{ID}-3,{NAME},third.{MAIL}\nC-9,Somebody,somebody@example.com\n{ID}-9,Again,{MAIL}\n"
    answer = await client.post("/v1/imports", content=rows.encode(), headers={"content-type": "text/csv"})
    await work()
    done = (await client.get(answer.headers["location"])).json()
    assert (done["counts"]["created"], done["counts"]["refused"]) == (1, 2)
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM customers WHERE lower(name || email) LIKE '%kanarij%'") == 0
