"""The organization's people: their list, and the forms that add and change somebody."""

from dataclasses import dataclass
from typing import get_args

from aiohttp import web

from services.gateway.forms import AddUserBody, ChangeUserBody
from services.gateway.portal import addresses
from services.gateway.portal.admin_pages import ADDRESS as ADMIN
from services.gateway.portal.admin_pages import Admins, Sent, filled, read_version
from services.gateway.portal.visits import Form, Visitor
from services.gateway.users import Users
from shared.contracts.profile import AddPerson, PeopleList, Person
from shared.contracts.refusals import InvalidRequest
from shared.contracts.users import Emptiable, RecordChanges, User

ADDRESS = f"{ADMIN}/users"
ADD = f"{ADDRESS}/new"
_PAGE = 20
_TEXTS = ("display_name", "job_title", "department", "office", "preferred_language")
_LISTS = ("emails", "phones", "groups")
_EMPTIABLE: tuple[Emptiable, ...] = get_args(Emptiable)
_SAID_IN_PLACE = {
    "changed-meanwhile",
    "invalid-request",
    "last-admin",
    "password-refused",
    "user-exists",
    "too-busy",
    "service-unavailable",
}


def page_of(sub: str) -> str:
    """Return where a user is shown."""
    return f"{ADDRESS}/{sub}"


@dataclass(frozen=True)
class AdminUserPages:
    """The list of people, adding to it, and changing a record of it."""

    admins: Admins
    users: Users

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(ADDRESS, self.admins.reading(self._list)),
            *self.admins.form(ADD, self._new, self._add, _SAID_IN_PLACE),
            *self.admins.form(f"{ADDRESS}/{{id}}/edit", self._edit, self._change, _SAID_IN_PLACE),
        ]

    async def _list(self, request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
        after, search = request.query.get("after"), request.query.get("search", "")
        refusal, listed = None, PeopleList(items=())
        try:
            listed = await self.admins.administration.people(
                admin, limit=_PAGE, after=after or None, search=search
            )
        except InvalidRequest as error:
            refusal = error
        return await self.admins.pages.show(
            request,
            "admin_users.html",
            visitor=visitor,
            listed=listed,
            after=after,
            search=search,
            refusal=refusal,
            done="done" in request.query,
        )

    async def _new(
        self, request: web.Request, visitor: Visitor, _admin: Person, sent: Sent
    ) -> web.Response:
        return await self._form(request, visitor, sent, Form())

    async def _edit(
        self, request: web.Request, visitor: Visitor, admin: Person, sent: Sent
    ) -> web.Response:
        user = (await self.users.read(admin, request.match_info["id"])).user
        return await self._form(request, visitor, sent, _form_of(user), user)

    async def _form(
        self,
        request: web.Request,
        visitor: Visitor,
        sent: Sent,
        new: Form,
        user: User | None = None,
    ) -> web.Response:
        return await self.admins.pages.show(
            request,
            "admin_user_form.html",
            visitor=visitor,
            form=sent.form or new,
            refusal=sent.refusal,
            user=user,
        )

    async def _add(self, _request: web.Request, admin: Person, form: Form) -> web.Response:
        said = {name: value for name, value in _said(form).items() if value is not None}
        said |= {"user_id": form["user_id"].strip()}
        if form["password"]:
            said |= {"password": form["password"]}
        body = filled(AddUserBody, said)
        record = AddPerson(
            organization=admin.home_organization.id,
            **body.model_dump(exclude={"password", "temporary"}),
        )
        added = await self.admins.administration.add(admin, record, body.password, temporary=True)
        return addresses.see(addresses.with_query(page_of(added.sub), done="added"))

    async def _change(self, request: web.Request, admin: Person, form: Form) -> web.Response:
        sub, said = request.match_info["id"], _said(form)
        changes = filled(ChangeUserBody, said).model_dump(exclude_unset=True)
        await self.users.change(
            admin,
            sub,
            RecordChanges(**changes),
            emptied=tuple(name for name in _EMPTIABLE if said.get(name, "") is None),
            replaces=read_version(form),
        )
        return addresses.see(addresses.with_query(page_of(sub), done="changed"))


def _form_of(user: User) -> Form:
    record = user.model_dump()
    texts = {name: record[name] or "" for name in _TEXTS}
    lists = {name: ", ".join(record[name]) for name in _LISTS}
    return Form(texts | lists | {"admin": "yes" if "admin" in user.roles else ""})


def _said(form: Form) -> dict[str, object]:
    """Return what a form says of a record; a field that was left empty is to say nothing."""
    texts: dict[str, object] = {name: form[name].strip() or None for name in _TEXTS}
    lists = {
        name: tuple(each.strip() for each in form[name].split(",") if each.strip())
        for name in _LISTS
    }
    return texts | lists | {"roles": ("admin",) if form["admin"] == "yes" else ()}
