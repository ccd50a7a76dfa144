"""The calls of the contract for passwords that are reset, each as far as it takes."""

from pydantic import BaseModel, SecretStr

from shared.contracts.methods import EnrollSent, ProveMethod
from shared.contracts.policy import PutResetPolicy, ReadPolicy
from shared.contracts.resets import (
    AnswerReset,
    AskHelpdesk,
    AskRegistered,
    BeginReset,
    ChooseResetMethod,
    FinishReset,
    LookUpAccount,
    ReadReset,
)
from tests.contract.http.services import Calls, Services

MAIL, ADDRESS, BINDING = "ada@mail.example", "192.0.2.7", "a reset"
NEW = SecretStr("seven quiet boats in march")


async def put_policy(services: Services) -> BaseModel:
    return await services.credentials.put_reset_policy(
        PutResetPolicy(organization="halden", enabled_for="everyone", methods=("email",))
    )


async def begin(services: Services) -> BaseModel:
    await put_policy(services)
    setup = await services.credentials.enroll_sent(
        EnrollSent(sub="person-1", kind="email", target=SecretStr(MAIL))
    )
    code = SecretStr(services.memory.carrier.code(MAIL))
    await services.credentials.prove(
        ProveMethod(sub="person-1", id=setup.id, answer=code, binding=setup.id, address=ADDRESS)
    )
    return await services.credentials.begin_reset(
        BeginReset(binding=BINDING, user_id="ada@example.org", address=ADDRESS)
    )


async def read(services: Services) -> BaseModel:
    await begin(services)
    return await services.credentials.reset(ReadReset(binding=BINDING))


async def choose(services: Services) -> BaseModel:
    await begin(services)
    state = await services.credentials.reset(ReadReset(binding=BINDING))
    return await services.credentials.choose_reset_method(
        ChooseResetMethod(binding=BINDING, id=state.methods[0].id)
    )


async def answer(services: Services) -> BaseModel:
    await choose(services)
    code = SecretStr(services.memory.carrier.code(MAIL))
    return await services.credentials.answer_reset(
        AnswerReset(binding=BINDING, answer=code, address=ADDRESS)
    )


async def finish(services: Services) -> BaseModel:
    await answer(services)
    return await services.credentials.finish_reset(FinishReset(binding=BINDING, new_password=NEW))


async def ask_helpdesk(services: Services) -> BaseModel:
    await begin(services)
    return await services.credentials.ask_helpdesk(AskHelpdesk(binding=BINDING, address=ADDRESS))


RESET_CALLS: Calls = {
    ("credentials", "/reset/registered"): lambda s: s.credentials.registered_for_reset(
        AskRegistered(sub="person-1")
    ),
    ("credentials", "/reset/policy/read"): lambda s: s.credentials.reset_policy(
        ReadPolicy(organization="halden")
    ),
    ("credentials", "/reset/policy/put"): put_policy,
    ("credentials", "/reset/look-up"): lambda s: s.credentials.look_up(
        LookUpAccount(user_id="ada@example.org")
    ),
    ("credentials", "/reset/begin"): begin,
    ("credentials", "/reset/read"): read,
    ("credentials", "/reset/choose"): choose,
    ("credentials", "/reset/answer"): answer,
    ("credentials", "/reset/finish"): finish,
    ("credentials", "/reset/ask-helpdesk"): ask_helpdesk,
}
