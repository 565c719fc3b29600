"""The web process's entry: `hub.config.wsgi:application`."""

from __future__ import annotations

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.template.loader import get_template
from django.urls import get_resolver
from django.utils import translation

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.config.settings")
application = get_wsgi_application()


def warm_up() -> None:
    """Load what the first page would otherwise wait for: words, addresses, the frame's template."""
    translation.activate(settings.LANGUAGE_CODE)
    _ = get_resolver(settings.ROOT_URLCONF).url_patterns
    get_template("portal/overview.html")


warm_up()
