"""A body is read as JSON of one shape, and its faults are told in words."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from services.gateway.api.sign_in_bodies import SignInBody
from services.gateway.terms_form import TermsBody
from shared.contracts.refusals import InvalidRequest
from shared.problems import MostErrors, field_errors
from tests.unit.gateway.system import Client, System, make, problem_of


@pytest.mark.parametrize(
    "body", ["", "{", "nonsense", '{"confirm": true', '{"confirm": "\\ud800"}', "\ufeff{}"]
)
async def test_what_is_no_json_is_malformed(
    system: System, client: Client, ada: dict[str, str], body: str
) -> None:
    headers = ada | {"Content-Type": "application/json"}
    answered = await client.post("/api/v1/things", data=body.encode(), headers=headers)
    await problem_of(answered, 400, "malformed-body")
    assert system.calls == []


@pytest.mark.parametrize(
    "body", ["[]", "null", "1", '"x"', '{"confirm": 1}', '{"confirm": "true"}', '{"confirm": null}']
)
async def test_json_of_another_shape_is_refused_by_field(
    system: System, client: Client, ada: dict[str, str], body: str
) -> None:
    headers = ada | {"Content-Type": "application/json"}
    answered = await client.post("/api/v1/things", data=body, headers=headers)
    document = await problem_of(answered, 422, "invalid-request")
    assert set(document["errors"][0]) == {"field", "reason", "message"}
    assert system.calls == []


@pytest.mark.asvs("8.2.3")
async def test_an_unknown_field_is_refused_and_its_value_not_repeated(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    body = {"confirm": True, "is_admin": "hunter2"}
    answered = await client.post("/api/v1/things", json=body, headers=ada)
    document = await problem_of(answered, 422, "invalid-request")
    assert [each["field"] for each in document["errors"]] == ["is_admin"]
    assert "hunter2" not in await answered.text()
    assert system.calls == []


async def test_no_more_faults_are_told_than_anybody_reads(
    client: Client, ada: dict[str, str]
) -> None:
    body = {f"f{number}": 1 for number in range(90)}
    answered = await client.post("/api/v1/things", json=body, headers=ada)
    document = await problem_of(answered, 422, "invalid-request")
    assert len(document["errors"]) == MostErrors


async def test_however_many_faults_another_service_names(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    fault = {"field": "x", "reason": "unfit", "message": "unfit"}
    system.fails.append(InvalidRequest(errors=[fault] * 1000))
    document = await problem_of(await make(client, ada), 422, "invalid-request")
    assert len(document["errors"]) == MostErrors


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", "This takes another kind of value."),
        ("de", "Hier gehört eine andere Art von Wert hin."),
    ],
)
async def test_a_fault_is_told_in_words_of_the_readers_language(
    client: Client, ada: dict[str, str], language: str, message: str
) -> None:
    headers = ada | {"Accept-Language": language}
    answered = await client.post("/api/v1/things", json={"confirm": "yes"}, headers=headers)
    document = await problem_of(answered, 422, "invalid-request")
    assert document["errors"] == [{"field": "confirm", "reason": "wrong-type", "message": message}]


async def test_a_fault_that_has_no_words_yet_has_general_ones(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    fault = {"field": "x", "reason": "from-the-future", "message": "String should match '^x$'"}
    system.fails.append(InvalidRequest(errors=[fault]))
    document = await problem_of(await make(client, ada), 422, "invalid-request")
    assert document["errors"] == [fault | {"message": "This cannot be used."}]


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "k"}])
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_is_not_compressed_as_it_says_is_malformed(
    client: Client, ada: dict[str, str], key: dict[str, str], encoding: str
) -> None:
    headers = ada | key | {"Content-Type": "application/json", "Content-Encoding": encoding}
    answered = await client.post("/api/v1/things", data=b'{"confirm": true}', headers=headers)
    await problem_of(answered, 400, "malformed-body")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_another_media_type_is_refused(
    client: Client, ada: dict[str, str], content_type: str
) -> None:
    headers = ada | {"Content-Type": content_type}
    answered = await client.post("/api/v1/things", data=b'{"confirm": true}', headers=headers)
    await problem_of(answered, 415, "unsupported-media-type")


async def test_a_media_type_may_name_its_charset(client: Client, ada: dict[str, str]) -> None:
    headers = ada | {"Content-Type": "application/json; charset=utf-8"}
    answered = await client.post("/api/v1/things", data=b'{"confirm": true}', headers=headers)
    assert answered.status == 202


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_body_that_is_too_large_is_refused(
    client: Client, ada: dict[str, str], key: str | None
) -> None:
    headers = ada | {"Content-Type": "application/json"}
    headers |= {"Idempotency-Key": key} if key else {}
    answered = await client.post("/api/v1/things", data=b" " * 2000, headers=headers)
    await problem_of(answered, 413, "payload-too-large")


KNOWN = {"user_id": "ada", "password": "violet otter counts nine lamps"}
TEXT = {"language": "en", "title": "House rules", "text": "Be kind."}
RULES = {"required": True, "re_accept": "no"}


@pytest.mark.parametrize(
    ("kind", "body", "field", "reason"),
    [
        (SignInBody, KNOWN | {"code": ""}, "code", "missing"),
        (SignInBody, KNOWN | {"code": "1" * 300}, "code", "too-long"),
        (TermsBody, RULES | {"texts": [TEXT, TEXT | {"language": "EN"}]}, "texts", "repeated"),
    ],
)
def test_a_fault_has_the_reason_that_says_what_to_do(
    kind: type[BaseModel], body: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        kind.model_validate(body)
    found = [(each["field"], each["reason"]) for each in field_errors(caught.value)]
    assert found == [(field, reason)]
