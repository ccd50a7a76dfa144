"""What an organization demands of new passwords, and when it holds."""

from typing import Any

import pytest
from pydantic import SecretStr

from services.gateway.model import ActionRequired
from shared.contracts.credentials import ChangePassword, CheckPassword, ReplacePassword
from shared.contracts.events import Audited
from shared.contracts.policy import PasswordPolicy, SecondFactor
from shared.contracts.refusals import Refusal
from tests.contract.http.gateway import OLD, WHERE, Gateway, key, refused
from tests.contract.http.test_security_info import Kim

EIGHT, FIFTEEN, TWENTY = "xq7!Zv9$", "xq7!Zv9$ mlr4#k", "xq7!Zv9$ mlr4#k pw2&"


async def demand(gateway: Gateway, **policy: Any) -> None:
    admin = await gateway.admin()
    await gateway.policies.put_passwords(admin, PasswordPolicy(**{"minimum_length": 15} | policy))


async def demand_of_methods(gateway: Gateway, second_factor: SecondFactor, days: int = 0) -> None:
    await gateway.policies.put_methods(
        await gateway.admin(),
        allowed=frozenset({"authenticator"}),
        second_factor=second_factor,
        trust_days=days,
    )


def reasons(refusal: Refusal) -> set[str]:
    return {each["reason"] for each in refusal.errors}


async def change(gateway: Gateway, sub: str, old: str, new: str) -> Any:
    return await gateway.services.credentials.change(
        ChangePassword(
            sub=sub,
            old_password=SecretStr(old),
            new_password=SecretStr(new),
            address=WHERE.address,
        )
    )


async def rated(gateway: Gateway, password: str, sub: str | None = None) -> set[str]:
    asked = CheckPassword(password=SecretStr(password), sub=sub, organization="halden")
    return set((await gateway.services.credentials.check(asked)).reasons)


async def test_without_a_policy_of_its_own_an_organization_has_the_usual_one(
    gateway: Gateway,
) -> None:
    policy = await gateway.policies.passwords(await gateway.admin())
    assert (policy.minimum_length, policy.minimum_length_with_factor) == (15, 8)
    assert (policy.history, policy.banned, policy.version) == (1, (), 0)


async def test_a_length_holds_at_once_for_every_way_to_a_new_password(gateway: Gateway) -> None:
    kim = await gateway.add("kim")
    await gateway.add("noor", temporary=True)
    waiting = await gateway.begin("noor")
    assert isinstance(waiting, ActionRequired)
    assert await rated(gateway, FIFTEEN) == set()
    await demand(gateway, minimum_length=20)
    assert await rated(gateway, FIFTEEN) == {"too-short"}
    assert await rated(gateway, FIFTEEN, kim.sub) == {"too-short"}
    assert reasons(await refused(change(gateway, kim.sub, OLD, FIFTEEN))) == {"too-short"}
    replacing = gateway.sign_in.replace_temporary_password(key(waiting), SecretStr(FIFTEEN), WHERE)
    assert reasons(await refused(replacing)) == {"too-short"}
    assert reasons(await refused(gateway.add("lee", FIFTEEN))) == {"too-short"}
    replaced = gateway.services.credentials.replace(
        ReplacePassword(sub=kim.sub, epoch=1, new_password=SecretStr(FIFTEEN))
    )
    assert reasons(await refused(replaced)) == {"too-short"}
    assert await change(gateway, kim.sub, OLD, TWENTY)


async def test_another_organizations_policy_is_none_of_ours(gateway: Gateway) -> None:
    await demand(gateway, minimum_length=20)
    asked = CheckPassword(password=SecretStr(FIFTEEN), organization="elsewhere")
    assert (await gateway.services.credentials.check(asked)).acceptable


@pytest.mark.parametrize(
    ("second_factor", "days", "expected"),
    [
        ("if-registered", 0, set()),
        ("required", 0, set()),
        ("if-registered", 30, {"too-short"}),
        ("off", 0, {"too-short"}),
    ],
)
async def test_the_lower_length_is_for_who_meets_a_second_factor_at_every_sign_in(
    gateway: Gateway, second_factor: SecondFactor, days: int, expected: set[str]
) -> None:
    caller = await (kim := await Kim.added(gateway)).gateway.caller("kim")
    await kim.authenticator(caller)
    await demand_of_methods(gateway, second_factor, days)
    assert await rated(gateway, EIGHT, caller.sub) == expected
    assert await rated(gateway, EIGHT) == {"too-short"}
    assert "too-short" in await rated(gateway, EIGHT[:7], caller.sub)
    await demand(gateway, minimum_length=20, minimum_length_with_factor=20)
    assert "too-short" in await rated(gateway, FIFTEEN, caller.sub)


async def test_who_has_no_factor_has_the_whole_length(gateway: Gateway) -> None:
    kim = await gateway.add("kim")
    await demand_of_methods(gateway, "required")
    assert await rated(gateway, EIGHT, kim.sub) == {"too-short"}


async def test_a_longer_history_remembers_from_then_on(gateway: Gateway) -> None:
    kim = await gateway.add("kim")
    first, second, third = (f"{FIFTEEN} {number}" for number in ("uno", "due", "tre"))
    await change(gateway, kim.sub, OLD, first)
    await demand(gateway, history=3)
    # Nobody knows any more what there was before.
    await change(gateway, kim.sub, first, OLD)
    await change(gateway, kim.sub, OLD, second)
    for known in (first, OLD):
        assert reasons(await refused(change(gateway, kim.sub, second, known))) == {"used-before"}
    await change(gateway, kim.sub, second, third)
    await change(gateway, kim.sub, third, first)
    await demand(gateway, history=1)
    await change(gateway, kim.sub, first, third)


async def test_words_are_banned_at_once(gateway: Gateway) -> None:
    assert "banned" not in await rated(gateway, "Bremen2026Bremen")
    await demand(gateway, banned=("  Bremen ", "qxz"))
    assert "banned" in await rated(gateway, "Bremen2026Bremen")
    assert "banned" in await rated(gateway, "QXZ-qxz-qxz-qxz-1")
    assert await rated(gateway, "Bremen is where the otters live") == set()


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"minimum_length": 14}, "minimum_length"),
        ({"minimum_length": 65}, "minimum_length"),
        ({"minimum_length_with_factor": 7}, "minimum_length_with_factor"),
        ({"minimum_length_with_factor": 16}, "minimum_length_with_factor"),
        ({"history": 0}, "history"),
        ({"history": 25}, "history"),
        ({"banned": ("ab",)}, "banned"),
        ({"banned": (" ab ",)}, "banned"),
        ({"banned": ("x" * 65,)}, "banned"),
        ({"banned": ("!!!!",)}, "banned"),
        ({"banned": ("word",) * 1001}, "banned"),
    ],
)
async def test_what_is_out_of_bounds_is_refused_and_changes_nothing(
    gateway: Gateway, policy: dict[str, Any], field: str
) -> None:
    body = {"minimum_length": 15, "organization": "halden"} | policy
    path = f"{gateway.services.urls['credentials']}/password-policy/put"
    headers = {"X-Service-Key": gateway.services.peer("credentials").service_key}
    async with gateway.services.session.post(path, json=body, headers=headers) as answered:
        assert answered.status == 422
        errors = (await answered.json(content_type=None))["errors"]
    assert {each["field"].partition(".")[0] for each in errors} == {field}
    assert (await gateway.policies.passwords(await gateway.admin())).version == 0


async def test_a_replacement_is_told_without_the_words(gateway: Gateway) -> None:
    await demand(gateway, banned=("Bremen",), minimum_length=16)
    (event,) = gateway.services.memory.epochs.outbox.values()
    assert isinstance(event, Audited)
    assert "Bremen" not in event.model_dump_json()
    details = event.payload.details
    assert details["policy"] == "password"
    assert {"banned", "minimum_length"} <= set(str(details["changed"]).split())
