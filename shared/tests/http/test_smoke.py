import httpx2


async def test_a_note_goes_in_and_out(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/v1/notes", json={"customer_id": "cus_1", "title": "Likes tea"})
    assert answer.status_code == 201, answer.text
    note = answer.json()
    read = await client.get(f"/v1/notes/{note['id']}")
    assert read.json() == note
    assert read.headers["etag"] == '"1"'
