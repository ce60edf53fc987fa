"""The app's settings. What differs between a laptop and a swarm comes from outside; README.md lists it all."""

from pathlib import Path

from django.core.management.utils import get_random_secret_key

from trekking.environment import setting

BASE_DIR = Path(__file__).resolve().parent.parent

#: What the foot of every page and /health say.
VERSION = (BASE_DIR / "VERSION").read_text(encoding="utf-8").strip()

DEBUG = setting("DEBUG") == "1"
# Nothing that the app signs outlives a process, so a key of its own for each does.
SECRET_KEY = setting("SECRET_KEY") or get_random_secret_key()
# The app builds no address from a request's Host, so it may answer under any name.
ALLOWED_HOSTS = setting("ALLOWED_HOSTS", "*").split(",")

INSTALLED_APPS = ["django.contrib.staticfiles", "treks"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "treks.middleware.DatabaseMiddleware",
]
ROOT_URLCONF = "trekking.urls"
WSGI_APPLICATION = "trekking.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["treks.context.about"]},
    }
]

if sqlite := setting("SQLITE"):
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sqlite}}
else:
    user = setting("POSTGRES_USER", "postgres")
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": setting("POSTGRES_HOST", "db"),
            "PORT": setting("POSTGRES_PORT", "5432"),
            "NAME": setting("POSTGRES_DB", user),
            "USER": user,
            "PASSWORD": setting("POSTGRES_PASSWORD"),
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
            # Without it a node that is gone would keep a page waiting for minutes.
            "OPTIONS": {"connect_timeout": 5},
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "static/"
# Style sheets are served from where they lie: the image needs no step that collects them.
WHITENOISE_USE_FINDERS = True
LANGUAGE_CODE = "en"
USE_TZ = True
# Without it Django moves the whole process, and its log, to Chicago.
TIME_ZONE = "UTC"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
