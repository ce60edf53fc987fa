"""The pages."""

import socket

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from treks.middleware import trouble
from treks.models import Photo, Trek


@require_safe
@never_cache
def treks(request: HttpRequest) -> HttpResponse:
    """All treks, or those of one grade (`?grade=easy`)."""
    grade = request.GET.get("grade", "")
    found = Trek.objects.prefetch_related("photos", "places")
    if grade in Trek.Grade.values:
        found = found.filter(grade=grade)
    cover = Photo.objects.select_related("trek").filter(trek__position=0).first()
    context = {"treks": found, "grade": grade, "grades": Trek.Grade.choices, "cover": cover}
    return render(request, "treks/list.html", context)


@require_safe
@never_cache
def trek(request: HttpRequest, slug: str) -> HttpResponse:
    """One trek."""
    found = get_object_or_404(Trek.objects.prefetch_related("photos", "places"), slug=slug)
    others = Trek.objects.exclude(pk=found.pk).prefetch_related("photos", "places")[:3]
    return render(request, "treks/detail.html", {"trek": found, "others": others})


@require_safe
def photo(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """A picture. Browsers ask each time whether it has changed: another version may draw it otherwise."""
    found = get_object_or_404(Photo.objects.select_related("trek"), trek__slug=slug, number=number)
    return HttpResponse(found.svg(), content_type="image/svg+xml", headers={"Cache-Control": "no-cache"})


@require_safe
@never_cache
def health(request: HttpRequest) -> JsonResponse:
    """Whether the app can do its work, for health checks and curious people: 200, or 503 and why not."""
    about = {"version": settings.VERSION, "container": socket.gethostname(), "database": connection.vendor}
    try:
        count = Trek.objects.count()
    except DatabaseError:
        return JsonResponse({"status": "unavailable", **about, "reason": trouble()}, status=503)
    return JsonResponse({"status": "ok", **about, "treks": count})
