"""`python manage.py prepare`: wait for the database, make its tables, and fill them."""

import json
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management import BaseCommand, CommandError, call_command
from django.db import OperationalError, connection, transaction

from treks.models import Photo, Place, Trek

#: What the app knows when it is new.
SEED = Path(__file__).parents[2] / "treks.json"
#: Any number, as long as all containers of the app take the same: who has this lock prepares, the others wait.
_LOCK = 20_260_901


class Command(BaseCommand):
    """Safe to run at every start, in any number of containers at once."""

    help = "Wait for the database, make its tables, and fill them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See the base class."""
        parser.add_argument("--wait", type=float, default=60.0, help="seconds to wait for the database (60)")

    def handle(self, *args: object, wait: float, **options: object) -> None:
        """See the base class."""
        self._wait(wait)
        with _alone():
            call_command("migrate", verbosity=0, interactive=False)
            load(json.loads(SEED.read_text(encoding="utf-8")))
        self.stdout.write(f"prepare: {Trek.objects.count()} treks, {Photo.objects.count()} photos.")

    def _wait(self, seconds: float) -> None:
        end, said = time.monotonic() + seconds, False
        while True:
            try:
                connection.ensure_connection()
                return
            except OperationalError as error:
                if time.monotonic() >= end:
                    raise CommandError(f"prepare: no database after {seconds:g} s: {str(error).strip()}") from None
                if not said:
                    self.stdout.write(f"prepare: waiting for the database: {str(error).strip()}")
                said = True
            time.sleep(0.25)


@contextmanager
def _alone() -> Iterator[None]:
    """One container at a time: two that made the same table at once would get in each other's way."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


@transaction.atomic
def load(treks: list[dict]) -> None:
    """Write the treks; what is there already under the same name is brought up to date."""
    for position, given in enumerate(treks):
        fields = {key: value for key, value in given.items() if key not in {"slug", "places", "photos"}}
        trek, _ = Trek.objects.update_or_create(slug=given["slug"], defaults={**fields, "position": position})
        trek.places.all().delete()
        Place.objects.bulk_create(
            Place(trek=trek, name=name, km=km, metres=metres) for km, metres, name in given["places"]
        )
        trek.photos.all().delete()
        Photo.objects.bulk_create(
            Photo(trek=trek, number=number, **photo) for number, photo in enumerate(given["photos"], 1)
        )
