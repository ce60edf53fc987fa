"""What the database holds: treks, the places that they pass, and pictures."""

from itertools import pairwise

from django.db import models
from django.urls import reverse

from treks.panorama import draw
from treks.profile import Profile


class Trek(models.Model):
    """A walk of one day or several."""

    class Grade(models.TextChoices):
        """How hard it is."""

        EASY = "easy", "Easy"
        MODERATE = "moderate", "Moderate"
        HARD = "hard", "Hard"

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    region = models.CharField(max_length=80)
    grade = models.CharField(max_length=10, choices=Grade)
    days = models.PositiveSmallIntegerField()
    season = models.CharField(max_length=40)
    summary = models.CharField(max_length=200)
    description = models.TextField()
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("position", "name")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Its page."""
        return reverse("trek", args=[self.slug])

    @property
    def cover(self) -> "Photo | None":
        """The picture that stands for it."""
        return next(iter(self.photos.all()), None)

    @property
    def paragraphs(self) -> list[str]:
        """The description, taken apart at empty lines."""
        return [text.strip() for text in self.description.split("\n\n")]

    @property
    def distance(self) -> float:
        """Its length in kilometres."""
        return max((float(place.km) for place in self.places.all()), default=0.0)

    @property
    def heights(self) -> list[int]:
        """The heights of its places in metres, in order."""
        return [place.metres for place in self.places.all()]

    @property
    def ascent(self) -> int:
        """How many metres it climbs, all in all."""
        return sum(max(after - before, 0) for before, after in pairwise(self.heights))

    @property
    def highest(self) -> int:
        """Its highest point in metres."""
        return max(self.heights, default=0)

    @property
    def profile(self) -> Profile:
        """How it goes up and down."""
        return Profile([(float(place.km), place.metres, place.name) for place in self.places.all()])


class Place(models.Model):
    """A place on the way."""

    trek = models.ForeignKey(Trek, on_delete=models.CASCADE, related_name="places")
    name = models.CharField(max_length=80)
    km = models.DecimalField(max_digits=5, decimal_places=1)
    metres = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("trek", "km")
        constraints = (models.UniqueConstraint(fields=("trek", "km"), name="one_place_a_kilometre"),)

    def __str__(self) -> str:
        return f"{self.name} ({self.metres} m)"


class Photo(models.Model):
    """A picture: what is to be seen on it, in the terms of `treks.panorama`."""

    trek = models.ForeignKey(Trek, on_delete=models.CASCADE, related_name="photos")
    number = models.PositiveSmallIntegerField()
    caption = models.CharField(max_length=200)
    scene = models.JSONField()

    class Meta:
        ordering = ("trek", "number")
        constraints = (models.UniqueConstraint(fields=("trek", "number"), name="numbered_photos"),)

    def __str__(self) -> str:
        return self.caption

    def get_absolute_url(self) -> str:
        """The picture itself."""
        return reverse("photo", args=[self.trek.slug, self.number])

    def svg(self) -> str:
        """The picture as an SVG document."""
        return draw(self.scene, self.caption)
