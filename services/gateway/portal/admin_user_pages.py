"""The organization's people: their list, and the form that adds somebody."""

from dataclasses import dataclass

from aiohttp import web
from pydantic import ValidationError

from services.gateway.forms import AddUserBody
from services.gateway.portal import addresses
from services.gateway.portal.admin_pages import ADDRESS as ADMIN
from services.gateway.portal.admin_pages import Admins
from services.gateway.portal.visits import Form, Visitor
from shared.contracts.profile import AddPerson, Person
from shared.contracts.refusals import InvalidRequest, Refusal
from shared.problems import field_errors

ADDRESS = f"{ADMIN}/users"
ADD = f"{ADDRESS}/new"
_PAGE = 20
_OPTIONAL = ("job_title", "department", "office", "preferred_language", "password")
_SAID_IN_PLACE = {
    "invalid-request",
    "password-refused",
    "user-exists",
    "too-busy",
    "service-unavailable",
}


@dataclass(frozen=True)
class AdminUserPages:
    """The list of people, and adding to it."""

    admins: Admins

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(ADDRESS, self.admins.reading(self._list)),
            web.get(ADD, self.admins.reading(self._form)),
            web.post(ADD, self.admins.taking(ADD, self._add)),
        ]

    async def _list(self, request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
        after = request.query.get("after")
        listed = await self.admins.administration.people(admin, limit=_PAGE, after=after or None)
        return await self.admins.pages.show(
            request,
            "admin_users.html",
            visitor=visitor,
            listed=listed,
            after=after,
            done="done" in request.query,
        )

    async def _form(
        self,
        request: web.Request,
        visitor: Visitor,
        _admin: Person,
        form: Form | None = None,
        refusal: Refusal | None = None,
    ) -> web.Response:
        return await self.admins.pages.show(
            request,
            "admin_add_user.html",
            visitor=visitor,
            form=form or Form(),
            refusal=refusal,
        )

    async def _add(self, request: web.Request, admin: Person, form: Form) -> web.Response:
        try:
            body = _read(form)
            record = AddPerson(
                organization=admin.home_organization.id,
                **body.model_dump(exclude={"password", "temporary"}),
            )
            await self.admins.administration.add(admin, record, body.password, temporary=True)
        except Refusal as refusal:
            if refusal.type not in _SAID_IN_PLACE:
                raise
            visitor = await self.admins.visits.visitor(request)
            return await self._form(request, visitor, admin, form, refusal)
        return addresses.see(addresses.with_query(ADDRESS, done="added"))


def _read(form: Form) -> AddUserBody:
    said: dict[str, object] = {
        name: form[name].strip() for name in ("user_id", "display_name", *_OPTIONAL) if form[name]
    }
    said["emails"] = tuple(form["emails"].replace(",", " ").split())
    said["phones"] = tuple(each.strip() for each in form["phones"].split(",") if each.strip())
    if form["admin"] == "yes":
        said["roles"] = ("admin",)
    try:
        return AddUserBody.model_validate(said)
    except ValidationError as error:
        raise InvalidRequest(
            errors=[_in_its_field(each) for each in field_errors(error)]
        ) from error


def _in_its_field(error: dict[str, str]) -> dict[str, str]:
    # One field of the form takes the whole of a list.
    return error | {"field": error["field"].partition(".")[0]}
