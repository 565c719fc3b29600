"""Settings of the whole installation: web, workers, scheduler, commands and tests.

What differs between machines comes from the environment (`docs/operations.md` lists every name):

    DATABASE_URL, REDIS_URL        else the embedded services of `hub.runtime`
    CROSSDOCK_SECRET_KEY, CROSSDOCK_VAULT_KEY   else keys kept in the home's `keys/` folder
    CROSSDOCK_HTTP=1               plain http on loopback (demo and tests); never in production
    CROSSDOCK_DEBUG=1              Django's debug pages, for a developer's own machine
    CROSSDOCK_PUBLIC_HOSTS         bare hosts that show the landing page, comma-separated
    CROSSDOCK_EGRESS_ALLOW         private addresses connectors may call, comma-separated
    CROSSDOCK_SMTP_URL             where mails go; none: they are written to the log
    CROSSDOCK_PROXIES              how many proxies stand before the web, for clients' addresses
    CROSSDOCK_METRICS_TOKEN        lets a remote Prometheus read /metrics
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

from csp.constants import NONCE, NONE, SELF

from hub.config.environment import (
    database,
    flag,
    listed,
    mail,
    secrets,
    service_urls,
    vault_key_file,
)

ROOT = Path(__file__).resolve().parents[3]
HTTP = flag("CROSSDOCK_HTTP")
DEBUG = flag("CROSSDOCK_DEBUG")

DATABASE_URL, REDIS_URL = service_urls()
SECRET_KEY_BYTES, VAULT_KEY = secrets()
SECRET_KEY = SECRET_KEY_BYTES.hex()
# Looked at again when it changes: `rotate_keys` reaches processes that run already.
VAULT_KEY_FILE = vault_key_file()
VAULT_KEYS_OLD = [base64.b64decode(key) for key in listed("CROSSDOCK_VAULT_KEYS_OLD")]

# --- who is served -------------------------------------------------------------------------------
# Hosts are rows in the database, so the list Django knows is open and `tenants.partners.host`
# answers 404 to every host that is neither a verified domain nor one of PUBLIC_HOSTS.
ALLOWED_HOSTS = ["*"]
USE_X_FORWARDED_HOST = False
PUBLIC_HOSTS = listed("CROSSDOCK_PUBLIC_HOSTS", "localhost,127.0.0.1,[::1]")

ROOT_URLCONF = "hub.config.urls_tenant"
PUBLIC_SCHEMA_URLCONF = "hub.config.urls_public"
WSGI_APPLICATION = "hub.config.wsgi.application"

# --- tenancy: one PostgreSQL schema a partner ----------------------------------------------------
TENANT_MODEL = "partners.Partner"
TENANT_DOMAIN_MODEL = "partners.Domain"
PUBLIC_SCHEMA_NAME = "public"
TEMPLATE_SCHEMA = "partner_template"
# Off: with it, a search_path can survive on a reused connection (docs of django-tenants, #1262).
TENANT_LIMIT_SET_CALLS = False
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]

SHARED_APPS = [
    "tenants.partners",  # before django_tenants: it replaces its migrate_schemas command
    "django_tenants",
    "tenants.people",
    "kernel.audit",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "csp",
    "hub.config",
    "hub.portal",
    "hub.monitoring",
]
TENANT_APPS = [
    "kernel.audit",
    "kernel.security",
    "tenants.merchants",
    "hub.connections",
    "hub.mappings",
    "hub.flows",
    "hub.sync",
    "billing",
]
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]

DATABASES = {
    "default": {
        **database(DATABASE_URL),
        "ENGINE": "django_tenants.postgresql_backend",
        # A minute bounds what one backend remembers of the schemas it touched.
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "kernel.cache.ForgetfulRedisCache",
            "LOCATION": REDIS_URL,
            "KEY_FUNCTION": "django_tenants.cache.make_key",
            "KEY_PREFIX": "web",
        }
    }
else:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "KEY_FUNCTION": "django_tenants.cache.make_key",
        }
    }

# --- a request -----------------------------------------------------------------------------------
MIDDLEWARE = [
    "tenants.partners.host.HostMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tenants.people.membership.MembershipMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "tenants.partners.branding.brand",
            ],
        },
    }
]

# --- people --------------------------------------------------------------------------------------
AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = ["tenants.people.signin.PartnerBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "tenants.people.signin.PartnerAccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
# An invitation was sent to the address and answered from there: that is the verification.
ACCOUNT_EMAIL_VERIFICATION = "none"
# Without it, everybody behind a proxy would share one address, and one throttle.
ALLAUTH_TRUSTED_PROXY_COUNT = int(os.environ.get("CROSSDOCK_PROXIES", "0"))
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]

# --- cookies and transport -----------------------------------------------------------------------
# Host-only on purpose (no *_COOKIE_DOMAIN): a partner's cookie must never reach another's host.
SECURE = not HTTP
SESSION_COOKIE_NAME = "__Host-session" if SECURE else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE else "csrf"
SESSION_COOKIE_SECURE = SECURE
CSRF_COOKIE_SECURE = SECURE
CSRF_FAILURE_VIEW = "hub.portal.views.errors.csrf_failure"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# --- the vault, the way out, the way to look in --------------------------------------------------
EGRESS_ALLOW = listed("CROSSDOCK_EGRESS_ALLOW", "127.0.0.0/8" if HTTP else "")
METRICS_TOKEN = os.environ.get("CROSSDOCK_METRICS_TOKEN", "")

# --- looks and language --------------------------------------------------------------------------
STATIC_URL = "/static/"
# Only for a proxy that serves files itself; the web process finds them where they are.
STATIC_ROOT = os.environ.get("CROSSDOCK_STATIC_ROOT") or None
STATICFILES_DIRS = [ROOT / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [ROOT / "templates" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
globals().update(mail(os.environ.get("CROSSDOCK_SMTP_URL", "")))
DEFAULT_FROM_EMAIL = os.environ.get("CROSSDOCK_MAIL_FROM", "no-reply@localhost")

# --- what it tells about itself ------------------------------------------------------------------
LOGGING_CONFIG = "kernel.telemetry.logs.configure"
LOGGING = {"level": os.environ.get("CROSSDOCK_LOG_LEVEL", "INFO")}
