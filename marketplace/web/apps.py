"""The pages."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Server-rendered pages and the browser's modules."""

    name = "marketplace.web"
    label = "web"
