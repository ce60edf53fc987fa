"""The app's addresses."""

from django.urls import path
from treks import views

urlpatterns = [
    path("", views.treks, name="treks"),
    path("treks/<slug:slug>/", views.trek, name="trek"),
    path("photos/<slug:slug>/<int:number>.svg", views.photo, name="photo"),
    path("health", views.health, name="health"),
]
