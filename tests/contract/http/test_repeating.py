"""Which calls answer a repeated request anew, and that terms of use are written once for a key."""

import base64
from typing import Any

from services.gateway.api.operations import LargestKeptAnswer
from tests.contract.http.gateway import Gateway
from tests.contract.http.test_roles import api
from tests.contract.http.test_terms_api import Api, admin, opened
from tests.pdf import pdf

__all__ = ["admin", "opened"]

ANEW = {
    "POST /sign-in/passkey/options": "what is to be signed is good for one answer",
    "POST /re-authenticate/options": "what is to be signed is good for one answer",
    "POST /re-authenticate/send": "who asks again wants another code",
    "POST /me/methods/{id}/send": "who asks again wants another code",
    "POST /me/methods": "a secret is said once, and kept nowhere",
    "POST /admin/users/{id}/temporary-password": "a secret is said once, and kept nowhere",
    "POST /app-passwords/check": "an answer would outlive the password",
    "POST /admin/methods/import": "the same lines again add nothing",
}
TEXT = {"language": "en", "title": "House rules", "text": "Be kind. " * LargestKeptAnswer}
BODY: dict[str, Any] = {"required": False, "re_accept": "no", "texts": [TEXT]}


def test_every_other_call_that_changes_something_takes_a_key(gateway: Gateway) -> None:
    unsafe = [each for each in api(gateway).operations() if each.method != "GET"]
    assert {f"{each.method} {each.path}" for each in unsafe if not each.repeats} == set(ANEW)


async def test_terms_are_written_once_for_a_key(admin: Api) -> None:
    async def twice(method: str, path: str, body: Any) -> Any:
        first, again = [await admin(method, path, body, Idempotency_Key=path) for _ in range(2)]
        assert first[:2] == again[:2]
        assert first[2]["ETag"] == again[2]["ETag"]
        return first[1]

    path = f"/admin/terms/{(await twice('POST', '/admin/terms', BODY))['id']}"
    assert len((await admin("GET", "/admin/terms"))[1]["items"]) == 1
    assert (await twice("PUT", path, BODY))["revision"] == 2
    brought = {"title": "Regeln", "content": base64.b64encode(pdf()).decode()}
    assert (await twice("PUT", f"{path}/texts/de/pdf", brought))["revision"] == 3
    assert (await twice("POST", f"{path}/publish", {}))["current"] == 1
    # Another body under the key is another request.
    status, problem, _ = await admin("PUT", path, BODY | {"required": True}, Idempotency_Key=path)
    assert (status, problem["type"]) == (422, "/problems/idempotency-key-reused")
