"""What an application does by Django; prints one JSON object, a result for each part.

LOUVER_TARGET is a JSON object: host, port, user, password, database and the path of the certificate to trust.
"""

from __future__ import annotations

import io
import json
import os
import sys
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings

TARGET = json.loads(os.environ["LOUVER_TARGET"])
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.mysql",
            "NAME": TARGET["database"],
            "USER": TARGET["user"],
            "PASSWORD": TARGET["password"],
            "HOST": TARGET["host"],
            "PORT": TARGET["port"],
            "OPTIONS": {"ssl_mode": "REQUIRED", "ssl": {"ca": TARGET["authority"]}},
        }
    },
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    SECRET_KEY="tests",
    USE_TZ=True,
)
django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402  models need the settings
from django.core.management import call_command  # noqa: E402
from django.db import Error, connection, models, transaction  # noqa: E402
from django.db.models import Avg, Case, Count, F, Max, OuterRef, Q, Subquery, Value, When, Window  # noqa: E402
from django.db.models.functions import Concat, Length, RowNumber, Substr, TruncYear, Upper  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable


class Customer(models.Model):  # noqa: DJ008  nobody prints it
    """A row of customers."""

    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=40, null=True)  # noqa: DJ001  as the table has it
    phone = models.CharField(max_length=20, null=True)  # noqa: DJ001
    balance = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    born = models.DateField(null=True)

    class Meta:
        """Where the table is."""

        app_label = "bank"
        managed = False
        db_table = "customers"


class Note(models.Model):  # noqa: DJ008  nobody prints it
    """A row of notes."""

    customer = models.ForeignKey(Customer, models.CASCADE, db_column="customer")
    body = models.TextField(null=True)  # noqa: DJ001

    class Meta:
        """Where the table is."""

        app_label = "bank"
        managed = False
        db_table = "notes"


def failure(call: Callable[[], Any]) -> list[Any]:
    """The class and number of a database's error."""
    try:
        with transaction.atomic():
            call()
    except Error as error:
        return [type(error).__name__, error.args[0]]
    return ["nothing failed"]


def reads() -> Any:
    """Queries of many kinds."""
    everybody = Customer.objects.order_by("id")
    first = Customer.objects.get(pk=1)
    later = Customer.objects.filter(pk__gt=OuterRef("pk")).order_by("pk").values("phone")[:1]
    ranked = Customer.objects.annotate(place=Window(RowNumber(), order_by=F("phone").desc()))
    return {
        "rows": list(everybody.values_list("id", "name", "phone", "balance", "born")),
        "object": [first.phone, first.balance, first.born],
        "filtered": [
            everybody.filter(phone="13812345678").count(),
            everybody.filter(phone="138****5678").count(),
            everybody.filter(phone__startswith="138").exclude(phone__isnull=True).count(),
            everybody.filter(Q(phone__contains="****") | Q(name__iexact="TOM")).count(),
            everybody.filter(phone__regex="^13[89][*]+").exists(),
            everybody.filter(phone__in=["138****5678", "139****4321"]).count(),
            everybody.filter(born__year=1980, balance__gt=500).count(),
        ],
        "computed": list(
            everybody.annotate(
                long=Length("phone"),
                start=Substr("phone", 1, 3),
                both=Concat("name", Value("/"), Upper("phone")),
                kind=Case(When(phone__isnull=True, then=Value("none")), default=Value("some")),
                year=TruncYear("born"),
                later=Subquery(later),
            ).values_list("long", "start", "both", "kind", "year", "later")
        ),
        "counted": Customer.objects.aggregate(Count("phone"), Max("phone"), Avg("balance")),
        "grouped": list(everybody.order_by("phone").values("phone").annotate(n=Count("id")).values_list("phone", "n")),
        "ranked": list(ranked.values_list("place", "phone")),
        "distinct": Customer.objects.values("phone").distinct().count(),
        "united": list(
            Customer.objects.filter(pk=1).values_list("phone").union(Customer.objects.filter(pk=2).values_list("phone"))
        ),
        "raw": [each.phone for each in Customer.objects.raw("SELECT * FROM customers WHERE id < %s ORDER BY id", [3])],
        "streamed": [each.phone for each in everybody.iterator(chunk_size=1)],
        "bulk": sorted(each.phone or "" for each in Customer.objects.in_bulk([1, 2, 3]).values()),
        "deferred": Customer.objects.only("id").get(pk=2).phone,
    }


def writes() -> Any:
    """Rows are made, read, saved back and deleted."""
    seen: dict[str, Any] = {}
    customer = Customer.objects.get(pk=1)
    customer.name = "Zhang"
    customer.save()
    seen["saved"] = list(Customer.objects.filter(pk=1).values_list("name", "phone", "balance"))
    Customer.objects.filter(pk=1).update(name="Zhang Wei")
    with transaction.atomic():
        locked = Customer.objects.select_for_update().get(pk=2)
        Note.objects.create(customer=locked, body="of " + (locked.phone or ""))
    seen["joined"] = list(Note.objects.select_related("customer").values_list("body", "customer__phone"))
    fetched = Note.objects.prefetch_related("customer").filter(customer__phone__startswith="139")
    seen["prefetched"] = [[each.customer.phone, each.body] for each in fetched]
    made = [Customer(id=number, name=f"n{number}", phone=f"1380000{number}") for number in range(1000, 1050)]
    seen["many"] = len(Customer.objects.bulk_create(made, batch_size=20))
    seen["made"] = Customer.objects.filter(pk__gte=1000).aggregate(Count("id"), Max("phone"))
    for each in made:
        each.name = "renamed"
    seen["updated"] = Customer.objects.bulk_update(made, ["name"])
    seen["got"] = [
        Note.objects.get_or_create(customer_id=1, defaults={"body": "new"})[1],
        Note.objects.get_or_create(customer_id=1, defaults={"body": "other"})[1],
        Note.objects.update_or_create(customer_id=1, defaults={"body": "changed"})[1],
    ]
    with transaction.atomic():
        Note.objects.all().delete()
        with transaction.atomic():
            Note.objects.create(customer_id=3, body="inner")
        transaction.set_rollback(True)
    seen["rolled back"] = Note.objects.count()
    seen["deleted"] = [Note.objects.all().delete()[0], Customer.objects.filter(pk__gte=1000).delete()[0]]
    return seen


def errors() -> Any:
    """Errors have their classes, and the connection goes on."""
    told = [
        failure(lambda: Customer.objects.create(id=1)),
        failure(lambda: Note.objects.create(customer_id=77)),
        failure(lambda: Customer.objects.filter(pk=1).update(phone="1")),
        failure(lambda: list(Customer.objects.raw("SELECT nonsense, id FROM customers"))),
        failure(lambda: list(Customer.objects.raw("SELEC"))),
    ]
    return [told, Customer.objects.count()]


def introspects() -> Any:
    """What inspectdb and the schema editor read."""
    text = io.StringIO()
    call_command("inspectdb", "customers", "notes", stdout=text)
    with connection.cursor() as cursor:
        inspected = connection.introspection
        names = sorted(inspected.table_names(cursor, include_views=True))
        constraints = sorted(inspected.get_constraints(cursor, "notes"))
        relations = inspected.get_relations(cursor, "notes")
        columns = [[each.name, each.type_code] for each in inspected.get_table_description(cursor, "customers")]
    lines = [line.strip() for line in text.getvalue().splitlines() if "models." in line]
    return {"models": lines, "names": names, "constraints": constraints, "relations": relations, "columns": columns}


def migrates() -> Any:
    """Django's own applications make their tables, and use them; one takes its own away."""
    call_command("migrate", verbosity=0, interactive=False)
    user = User.objects.create_user("ann", "ann@example.org", "secret")
    user.groups.add(Group.objects.create(name="staff"))
    found = list(User.objects.filter(groups__name="staff").values_list("username", "email"))
    text = io.StringIO()
    call_command("showmigrations", "auth", stdout=text)
    call_command("migrate", "sessions", "zero", verbosity=0, interactive=False)
    return [found, text.getvalue().count("[X]") > 10, "django_session" in connection.introspection.table_names()]


def calls() -> Any:
    """A procedure, several results, and what the server says of itself."""
    with connection.cursor() as cursor:
        cursor.callproc("twice", [21, 0])
        found = [cursor.fetchall()]
        while cursor.nextset():
            pass
        cursor.execute("SELECT @_twice_1")
        found.append(cursor.fetchall())
        cursor.executemany("UPDATE notes SET body = %s WHERE id = %s", [("a", -1), ("b", -2)])
    connection.ensure_connection()
    return [found, connection.mysql_is_mariadb, connection.is_usable(), connection.features.supports_transactions]


PARTS = (introspects, reads, writes, errors, calls, migrates)


def plain(value: object) -> object:
    """How JSON shows what it has no type for."""
    if isinstance(value, (date, Decimal)):
        return str(value)
    raise TypeError(type(value))


if __name__ == "__main__":
    answers: dict[str, Any] = {}
    for part in PARTS:
        try:
            answers[part.__name__] = part()
        except Exception as error:  # noqa: BLE001  the test shows it
            answers[part.__name__] = f"{type(error).__name__}: {error}"
    sys.stdout.write(json.dumps(answers, default=plain))
