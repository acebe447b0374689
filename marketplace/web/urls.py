"""Paths of the pages."""

from django.urls import path, register_converter

from marketplace.web import onboarding, views


class ChannelIdConverter:
    """32 bytes as lower-case 0x-hex."""

    regex = "0x[0-9a-f]{64}"

    def to_python(self, value: str) -> str:
        """Keep the text."""
        return value

    def to_url(self, value: str) -> str:
        """Keep the text."""
        return value


register_converter(ChannelIdConverter, "channel_id")

app_name = "web"
urlpatterns = [
    path("", views.landing, name="landing"),
    path("today/", views.dashboard, name="dashboard"),
    path("partners/", views.partners, name="partners"),
    path("partners/<slug:slug>/", views.trade, name="trade"),
    path("channels/", views.channels, name="channels"),
    path("channels/<channel_id:channel>/", views.channel, name="channel"),
    path("trades/", views.trades, name="trades"),
    path("feeder/", views.feeder, name="feeder"),
    path("ledger/", views.ledger, name="ledger"),
    path("wallet/", views.wallet, name="wallet"),
    path("onboarding/", onboarding.onboarding, name="onboarding"),
    path("onboarding/person/", onboarding.save_person, name="save_person"),
    path("onboarding/documents/", onboarding.save_document, name="save_document"),
    path("onboarding/documents/<uuid:document>/delete/", onboarding.drop_document, name="drop_document"),
    path("onboarding/apply/", onboarding.apply, name="apply"),
    path("onboarding/<uuid:application>/withdraw/", onboarding.withdraw, name="withdraw_application"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("design/", views.design, name="design"),
]
