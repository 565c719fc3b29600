from __future__ import annotations

from django.apps import AppConfig


class MerchantsConfig(AppConfig):
    name = "tenants.merchants"
    label = "merchants"
    verbose_name = "Merchants"
