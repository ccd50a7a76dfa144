"""What the profile service refuses."""

from shared.contracts.refusals import InvalidRequest, Refusal


class NoSuchPerson(Refusal):
    """Nobody has this id."""

    type, status = "not-found", 404


class NotDeleted(Refusal):
    """Who is to be erased has to be deleted first, so that nobody gets in meanwhile."""

    type, status = "not-deleted", 409


class NoPhoto(Refusal):
    """There is no photo of this person."""

    type, status = "not-found", 404


class UnknownManager(Refusal):
    """The manager is nobody in the person's own organization."""

    type, status = "invalid-request", 422

    def __init__(self) -> None:
        reason = "unknown-manager"
        super().__init__(errors=[{"field": "manager", "reason": reason, "message": reason}])


class UserExists(Refusal):
    """The user ID is taken by somebody else."""

    type, status = "user-exists", 409


class LastAdmin(Refusal):
    """Nobody would be left who looks after the organization."""

    type, status = "last-admin", 409


class NoSuchOrganization(Refusal):
    """There is no such organization."""

    type, status = "not-found", 404


class NoSuchMembership(Refusal):
    """There is no such membership, invitation or other organization of this subject."""

    type, status = "not-found", 404


class LeavingRefused(Refusal):
    """It is the home organization, or the organization does not let its guests leave."""

    type, status = "not-allowed-by-policy", 403


class LastOwner(Refusal):
    """Nobody would be left who owns the organization."""

    type, status = "last-owner", 409


class AlreadyMember(Refusal):
    """Who has this user ID belongs to the organization already."""

    type, status = "already-member", 409


class AlreadyInvited(Refusal):
    """The user ID was invited before, and neither accepted nor declined."""

    type, status = "already-invited", 409


class UnusablePhoto(Refusal):
    """The photo is not a PNG or JPEG file of at most 512 KiB."""

    type, status = "invalid-request", 422


class NoSuchTerms(Refusal):
    """There is no such document, or not for this subject."""

    type, status = "not-found", 404


class UnusablePdf(Refusal):
    """The file does not begin and end as a PDF does."""

    type, status = "unusable-pdf", 422


class PdfTooLarge(Refusal):
    """The file is larger than a PDF may be here."""

    type, status = "pdf-too-large", 413


class UnknownPdf(InvalidRequest):
    """A text names a PDF that this document does not have."""

    def __init__(self) -> None:
        reason = "unknown-pdf"
        super().__init__(errors=[{"field": "texts", "reason": reason, "message": reason}])


class TermsChanged(Refusal):
    """Another version than the one that was read is current by now; nothing was written."""

    type, status = "terms-changed", 409


class SignInOutdated(Refusal):
    """The account was secured while this sign-in was half done; it has to begin again."""

    type, status = "flow-ended", 410


class AcceptanceStands(Refusal):
    """What was accepted cannot be declined any more."""

    type, status = "terms-accepted", 409


class NoDraft(Refusal):
    """Every version of the document is published, and none of them can be changed."""

    type, status = "terms-without-draft", 409


class TooManyTerms(Refusal):
    """The organization has as many documents as it may."""

    type, status = "too-many-terms", 409


class TermsWithoutText(Refusal):
    """A version that says nothing cannot be published."""

    type, status = "invalid-request", 422

    def __init__(self) -> None:
        super().__init__(errors=[{"field": "texts", "reason": "missing", "message": "missing"}])
