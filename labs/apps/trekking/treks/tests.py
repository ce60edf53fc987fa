"""`SQLITE=:memory: python manage.py test`."""

import json
import os
import tempfile
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import OperationalError, ProgrammingError, connection
from django.test import SimpleTestCase, TestCase, override_settings
from trekking.environment import setting

from treks.canvas import LIGHTS, mix
from treks.management.commands.prepare import SEED, load
from treks.models import Photo, Place, Trek
from treks.panorama import draw
from treks.profile import Profile
from treks.terrain import KINDS

SEEDS = json.loads(SEED.read_text(encoding="utf-8"))


class Pages(TestCase):
    """What visitors see."""

    @classmethod
    def setUpTestData(cls) -> None:
        load(SEEDS)

    def test_all_treks_are_on_the_first_page(self) -> None:
        with self.assertNumQueries(4):
            page = self.client.get("/")
        for trek in SEEDS:
            self.assertContains(page, trek["name"])
            self.assertContains(page, f"/treks/{trek['slug']}/")

    def test_treks_of_one_grade(self) -> None:
        page = self.client.get("/?grade=easy")
        self.assertEqual({trek.grade for trek in page.context["treks"]}, {"easy"})
        self.assertContains(page, "2 treks")
        self.assertContains(self.client.get("/?grade=whatever"), "6 treks")

    @override_settings(VERSION="7.5-beta")
    def test_every_page_tells_the_version_and_the_container(self) -> None:
        for path in ("/", "/treks/lantern-ridge/", "/nowhere"):
            with mock.patch("socket.gethostname", return_value="c0ffee"):
                page = self.client.get(path)
            self.assertContains(page, "version 7.5-beta", status_code=page.status_code)
            self.assertContains(page, "<code>c0ffee</code>", status_code=page.status_code)

    def test_a_trek(self) -> None:
        page = self.client.get("/treks/blue-tarn-circuit/")
        for text in ("22.7 km", "1010 m", "2190 m", "Inlet Hut", "2 days", "/photos/blue-tarn-circuit/2.svg"):
            self.assertContains(page, text)
        self.assertNotIn("Blue Tarn Circuit", [trek.name for trek in page.context["others"]])

    def test_what_does_not_exist(self) -> None:
        for path in ("/nowhere", "/treks/nowhere/", "/photos/lantern-ridge/99.svg"):
            self.assertContains(self.client.get(path), "left the path", status_code=404)

    def test_nobody_changes_anything(self) -> None:
        for path in ("/", "/treks/lantern-ridge/", "/health"):
            self.assertEqual(self.client.post(path).status_code, 405)

    def test_photos(self) -> None:
        answer = self.client.get("/photos/saltwind-coast-path/1.svg")
        self.assertEqual(answer["Content-Type"], "image/svg+xml")
        again = self.client.get("/photos/saltwind-coast-path/1.svg", headers={"If-None-Match": answer["ETag"]})
        self.assertEqual(again.status_code, 304)

    def test_style_sheets_are_served_without_being_collected(self) -> None:
        with override_settings(DEBUG=False):
            answer = self.client.get("/static/treks/style.css")
        self.assertEqual(answer.status_code, 200)
        self.assertIn("text/css", answer["Content-Type"])


class Health(TestCase):
    """What health checks see."""

    def test_well(self) -> None:
        load(SEEDS[:2])
        answer = self.client.get("/health")
        self.assertEqual(answer.status_code, 200)
        self.assertEqual((answer.json()["status"], answer.json()["treks"]), ("ok", 2))

    def test_no_database(self) -> None:
        with self.broken(OperationalError("no route"), "table_names", OperationalError("no route")):
            answer, page = self.client.get("/health"), self.client.get("/")
        self.assertEqual(answer.status_code, 503)
        self.assertIn("not there (yet)", answer.json()["reason"])
        self.assertContains(page, "isn’t ready", status_code=503)
        self.assertContains(page, "no route", status_code=503)

    def test_no_tables(self) -> None:
        with self.broken(ProgrammingError("no such table"), "table_names", None):
            answer = self.client.get("/health")
        self.assertEqual(answer.status_code, 503)
        self.assertIn("manage.py prepare", answer.json()["reason"])

    def broken(self, error: Exception, name: str, inner: Exception | None) -> mock._patch:
        """Queries fail with `error`; looking for tables fails too, or finds none."""
        return mock.patch.multiple(
            connection, cursor=mock.Mock(side_effect=error), close=mock.Mock(),
            introspection=mock.Mock(**{f"{name}.side_effect": inner, f"{name}.return_value": []}),
        )  # fmt: skip


class Prepare(TestCase):
    """Filling the database."""

    def test_twice_is_as_good_as_once(self) -> None:
        for _ in range(2):
            call_command("prepare", stdout=mock.Mock())
        counts = [model.objects.count() for model in (Trek, Place, Photo)]
        self.assertEqual(counts, [6, sum(len(trek["places"]) for trek in SEEDS), 18])

    def test_a_newer_version_brings_its_own_texts(self) -> None:
        load(SEEDS)
        load([{**SEEDS[0], "name": "Candle Ridge", "photos": SEEDS[0]["photos"][:1]}])
        trek = Trek.objects.get(slug=SEEDS[0]["slug"])
        self.assertEqual((trek.name, trek.photos.count()), ("Candle Ridge", 1))

    def test_it_waits_and_gives_up(self) -> None:
        with (
            mock.patch.object(connection, "ensure_connection", side_effect=OperationalError("refused")),
            self.assertRaisesMessage(CommandError, "no database after 0 s: refused"),
        ):
            call_command("prepare", wait=0.0, stdout=mock.Mock())

    def test_a_database_that_comes_late(self) -> None:
        late, connect = [OperationalError("refused")] * 2, connection.ensure_connection
        with (
            mock.patch.object(connection, "ensure_connection", side_effect=lambda: self.rise(late) or connect()),
            mock.patch("time.sleep") as slept,
        ):
            call_command("prepare", stdout=mock.Mock())
        self.assertEqual((slept.call_count, Trek.objects.count()), (2, 6))

    def rise(self, errors: list[Exception]) -> None:
        if errors:
            raise errors.pop()


class Settings(SimpleTestCase):
    """Settings by environment and by file."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "secret"
        self.path.write_text("s3cr3t\n")

    def test_sources(self) -> None:
        with mock.patch.dict(os.environ, {"A": "one", "B_FILE": str(self.path)}):
            self.assertEqual([setting(name, "default") for name in "ABC"], ["one", "s3cr3t", "default"])

    def test_mistakes_are_named_without_values(self) -> None:
        cases = (
            ({"A": "x", "A_FILE": str(self.path)}, "both set"),
            ({"A_FILE": "/run/secret/a"}, "/run/secret/a, which"),
        )
        for variables, message in cases:
            with (
                mock.patch.dict(os.environ, variables),
                self.assertRaisesMessage(ImproperlyConfigured, message) as caught,
            ):
                setting("A")
            self.assertNotIn("s3cr3t", str(caught.exception))


class Drawings(SimpleTestCase):
    """Panoramas and profiles."""

    def test_every_photo_is_a_described_picture_and_always_the_same(self) -> None:
        pictures = set()
        for photo in (photo for trek in SEEDS for photo in trek["photos"]):
            picture = draw(photo["scene"], photo["caption"])
            root = ElementTree.fromstring(picture)
            self.assertEqual(root[0].text, photo["caption"])
            self.assertEqual(picture, draw(photo["scene"], photo["caption"]))
            names = [part.get("id") for part in root.iter() if part.get("id")]
            self.assertEqual(len(names), len(set(names)))
            pictures.add(picture)
        self.assertEqual(len(pictures), 18)

    def test_all_lights_and_kinds_are_in_use(self) -> None:
        scenes = [photo["scene"] for trek in SEEDS for photo in trek["photos"]]
        self.assertEqual({scene["light"] for scene in scenes}, set(LIGHTS))
        self.assertEqual({layer["kind"] for scene in scenes for layer in scene["land"]}, set(KINDS))

    def test_titles_cannot_break_out(self) -> None:
        picture = draw({"light": "day", "seed": 1, "land": []}, "<script>&")
        self.assertEqual(ElementTree.fromstring(picture)[0].text, "<script>&")

    def test_colours_are_mixed(self) -> None:
        self.assertEqual([mix("#000000", "#ff8040", share) for share in (0, 0.5, 1)], ["#000000", "#804020", "#ff8040"])

    def test_profile(self) -> None:
        profile = Profile([(0, 500, "Start"), (5, 900, "Top"), (10, 600, "End")])
        self.assertEqual([mark.text for mark in profile.marks], ["Start", "Top", "End"])
        start, top, end = profile.marks
        self.assertLess(start.x, top.x)
        self.assertLess(top.y, end.y)
        self.assertLess(end.y, start.y)
        self.assertEqual([level.text for level in profile.levels][::4], ["500 m", "900 m"])
        self.assertTrue(profile.curve.startswith(f"M{start.x} {start.y}C") or " C" in profile.curve)
