"""Where a server of WSGI applications begins: `gunicorn trekking.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trekking.settings")

application = get_wsgi_application()
