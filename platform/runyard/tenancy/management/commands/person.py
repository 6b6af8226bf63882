"""`manage.py person ada --role practitioner --project red`: a person, and the roles of theirs.

Idempotent. A new person's password is shown once; afterwards `changepassword` gives another.
"""

import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from runyard.tenancy.models import AccessRule, Department, Project, User
from runyard.tenancy.roles import Role


class Command(BaseCommand):
    help = "Make a person, give them a role or take it away; says which they have then."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="to sign in with, such as ada")
        parser.add_argument("--full-name", default="", help='to be shown, such as "Ada Lovell"')
        parser.add_argument("--role", choices=Role.values)
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--project", help="where they have the role")
        where.add_argument("--department", help="the same, in all its projects")
        parser.add_argument("--take-away", action="store_true", help="take the role away")

    def handle(self, **options: Any) -> None:
        password = secrets.token_urlsafe(12)
        with transaction.atomic():
            person, is_new = _settled(options, password)
        if is_new:
            self.stdout.write(f"Password  {password}  (shown only now)")
        self.stdout.write(_words(person))


def _settled(options: dict[str, Any], password: str) -> tuple[User, bool]:
    """The person as they are asked for, and whether they are new and have `password`. Raises CommandError."""
    rule = _rule(options)
    person = User.objects.filter(username=options["name"]).first()
    is_new = person is None
    if person is None:
        if options["take_away"]:
            raise CommandError(f"There is no person {options['name']}.")
        person = User(username=options["name"])
        person.set_password(password)
    if options["full_name"]:
        person.first_name, _, person.last_name = options["full_name"].partition(" ")
    if is_new or options["full_name"]:
        _checked(person).save()
    if rule and options["take_away"]:
        AccessRule.objects.filter(user=person, **rule).delete()
    elif rule:
        AccessRule.objects.get_or_create(user=person, **rule)
    return person, is_new


def _checked(person: User) -> User:
    try:
        person.full_clean()
    except ValidationError as wrong:
        raise CommandError(" ".join(wrong.messages)) from None
    return person


def _rule(options: dict[str, Any]) -> dict[str, Any]:
    """The fields of the access rule that is asked for; none where none is."""
    place = {kind: options[kind] for kind in ("project", "department") if options[kind]}
    if not options["role"] and not place and not options["take_away"]:
        return {}
    if not options["role"] or not place:
        raise CommandError("A role is had somewhere: give --role and --project, or --role and --department.")
    [(kind, name)] = place.items()
    kinds: dict[str, Any] = {"project": Project, "department": Department}
    scope = kinds[kind].objects.filter(name=name).first()
    if scope is None:
        known = ", ".join(kinds[kind].objects.order_by("name").values_list("name", flat=True)[:20])
        raise CommandError(f"There is no {kind} {name}; there is {known}. `project NAME` makes one.")
    return {"role": options["role"], kind: scope}


def _words(person: User) -> str:
    rules = person.access_rules.select_related("project", "department").order_by("pk")
    roles = [f"{rule.role} of {rule.project or f'all of {rule.department}'}" for rule in rules]
    if person.is_superuser:
        roles.insert(0, "system administrator")
    return f"{person.label} ({person.username}): {', '.join(roles) or 'no role yet'}"
