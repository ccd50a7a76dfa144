"""What is answered to what ends sessions: its receipt."""

from services.gateway.api.bodies import ReceiptGiven
from services.gateway.api.operations import Answer
from services.gateway.requests import RECEIPT_HEADER
from shared.contracts.sessions import Revoked


def receipt_given(revoked: Revoked) -> Answer:
    """Return the receipt of what was begun, with the token that opens it later."""
    given = ReceiptGiven(receipt=revoked.receipt, receipt_token=revoked.receipt_token)
    return Answer(given, 202, headers={RECEIPT_HEADER: revoked.receipt_token})
