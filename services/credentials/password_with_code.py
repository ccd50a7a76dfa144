"""A password and the code of an authenticator app, verified together."""

from dataclasses import dataclass

from pydantic import SecretStr

from services.credentials.authentication import Authentication, Recognised
from services.credentials.errors import CodeRefused, MethodNotFound, SignInThrottled
from services.credentials.security_info import SecurityInformation
from shared.contracts.activity import Attempted, AttemptOutcome
from shared.contracts.credentials import Verified, VerifyPassword
from shared.contracts.methods import AnswerChallenge, ChallengeAnswered
from shared.contracts.refusals import Refusal

_OUTCOMES: dict[type[Refusal], AttemptOutcome] = {
    CodeRefused: "second-factor-failed",
    SignInThrottled: "second-factor-throttled",
}


@dataclass(frozen=True)
class PasswordWithCode:
    """Verify a password and, only where it is right, the code that came with it."""

    authentication: Authentication
    security_info: SecurityInformation

    async def verify(self, asked: VerifyPassword) -> Verified:
        """Return whose password it is, and what was answered where a code is asked for.

        It is for the authenticator that would be asked for first. Where none would be, the code is
        left as it is.
        """
        recognised = await self.authentication.recognise(asked)
        verified = recognised.verified
        apps = (each.id for each in verified.methods if each.kind == "authenticator")
        app = next(apps, None)
        if asked.code is None or app is None:
            return verified
        try:
            answered = await self._answered(asked, asked.code, recognised, app)
        except MethodNotFound:
            # It was removed meanwhile, so the challenge is on what is left.
            return verified
        except (CodeRefused, SignInThrottled) as refusal:
            outcome = next(_OUTCOMES[each] for each in _OUTCOMES if isinstance(refusal, each))
            attempted = Attempted(sub=verified.sub, outcome=outcome)
            raise refusal.privately(**attempted.model_dump()) from None
        return verified.model_copy(update={"answered": answered})

    async def _answered(
        self, asked: VerifyPassword, code: SecretStr, recognised: Recognised, method_id: str
    ) -> ChallengeAnswered:
        verified = recognised.verified
        # What was read beside the password is not read again: who changed the methods since then
        # is noticed by the write, and a raised epoch when the session begins.
        return await self.security_info.answer_knowing(
            recognised.info,
            recognised.policy,
            AnswerChallenge(
                sub=verified.sub,
                epoch=verified.epoch,
                id=method_id,
                answer=code,
                address=asked.address,
                familiar=asked.is_familiar(verified.sub),
                organization=verified.organization,
                settle_later=asked.settle_later,
            ),
        )
