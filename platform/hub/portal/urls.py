"""The portal's addresses. Everything of a merchant lies under ``/m/<merchant>/<environment>/``."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from hub.portal.views import (
    brand,
    connections,
    consent,
    dead_letters,
    documents,
    exceptions,
    home,
    journey,
    overview,
    person,
    replay,
)

merchant: list[URLPattern | URLResolver] = [
    path("", overview.overview, name="overview"),
    path("live/", overview.live, name="overview_live"),
    path("documents/", documents.documents, name="documents"),
    path("documents.csv", documents.export, name="documents_csv"),
    path("documents/<uuid:record>/", journey.journey, name="journey"),
    path("documents/<uuid:record>/versions/<int:number>/", journey.version, name="version"),
    path("documents/<uuid:record>/heard/<int:number>/", journey.heard, name="heard"),
    path(
        "documents/<uuid:record>/heard/<int:number>/read-again/",
        replay.read_again,
        name="read_again",
    ),
    path("deliveries/<uuid:delivery>/recreate/", replay.recreate, name="recreate"),
    path("deliveries/<uuid:delivery>/declare/", replay.declare, name="declare"),
    path("exceptions/", exceptions.exceptions, name="exceptions"),
    path("exceptions.csv", exceptions.export, name="exceptions_csv"),
    path("exceptions/<uuid:exception>/", exceptions.exception, name="exception"),
    path("exceptions/<uuid:exception>/assign/", exceptions.assign, name="assign"),
    path("exceptions/<uuid:exception>/snooze/", exceptions.snooze, name="snooze"),
    path("exceptions/<uuid:exception>/resolve/", exceptions.resolve, name="resolve"),
    path("exceptions/<uuid:exception>/ignore/", exceptions.ignore, name="ignore"),
    path("dead-letters/", dead_letters.dead_letters, name="dead_letters"),
    path("dead-letters.csv", dead_letters.export, name="dead_letters_csv"),
    path("dead-letters/resend/", dead_letters.resend, name="resend"),
    path("dead-letters/<uuid:delivery>/", dead_letters.dead_letter, name="dead_letter"),
    path("connections/", connections.connections, name="connections"),
    path("connections/<slug:connection>/", connections.connection, name="connection"),
    path("connections/<slug:connection>/connect/", consent.connect, name="connect"),
    path("connections/<slug:connection>/pause/", connections.pause, name="pause"),
    path("connections/<slug:connection>/resume/", connections.resume, name="resume"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("search/", documents.search, name="search"),
    path("palette/", person.palette, name="palette"),
    path("you/zone/", person.zone, name="zone"),
    path("connect/back/", consent.back, name="connect_back"),
    path("connect/keys/", consent.keys, name="connect_keys"),
    path("brand/colours.css", brand.colours, name="brand_colours"),
    path("brand/logo.png", brand.logo, name="brand_logo"),
    path("m/<slug:merchant>/<slug:kind>/", include(merchant)),
]
