"""Paths of the pages."""

from django.urls import path, register_converter

from marketplace.web import (
    agent,
    bills,
    language,
    lists,
    notices,
    onboarding,
    operating,
    own,
    privacy,
    programs,
    runs,
    today,
    views,
)


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
    path("today/", today.dashboard, name="dashboard"),
    path("today/market/", today.today_market, name="today_market"),
    path("partners/", views.partners, name="partners"),
    path("partners/<slug:slug>/", views.trade, name="trade"),
    path("channels/", views.channels, name="channels"),
    path("channels/<channel_id:channel>/", views.channel, name="channel"),
    path("trades/", views.trades, name="trades"),
    path("agent/", agent.agent, name="agent"),
    path("agent/try/", agent.try_rules, name="agent_try"),
    path("agent/<slug:part>/", agent.agent_part, name="agent_part"),
    path("bills/", bills.bills, name="bills"),
    path("bills/<uuid:pk>/", bills.bill, name="bill"),
    path("feeder/", views.feeder, name="feeder"),
    path("feeder/decisions/", operating.decisions, name="decisions"),
    path("ledger/", views.ledger, name="ledger"),
    path("wallet/", views.wallet, name="wallet"),
    path("privacy/", privacy.privacy, name="privacy"),
    path("privacy/export/", privacy.download, name="privacy_export"),
    path("privacy/erase/", privacy.erase, name="privacy_erase"),
    path("notices/", notices.notices, name="notices"),
    path("notices/read/", notices.read, name="read_notices"),
    path("notices/settings/", notices.settings, name="notice_settings"),
    path("notices/devices/<uuid:pk>/delete/", notices.drop_device, name="drop_push_device"),
    path("notices/stop/<str:token>/", notices.stop, name="stop_notices"),
    path("sw.js", notices.service_worker, name="service_worker"),
    path("onboarding/", onboarding.onboarding, name="onboarding"),
    path("onboarding/documents/<uuid:document>/delete/", onboarding.drop_document, name="drop_document"),
    path("onboarding/<slug:step>/", onboarding.onboarding_step, name="onboarding_step"),
    path("onboarding/<uuid:application>/withdraw/", onboarding.withdraw, name="withdraw_application"),
    path("lists/", lists.lists, name="lists"),
    path("lists/<int:entry>/appeal/", lists.appeal, name="appeal"),
    path("own/", own.own, name="own"),
    path("own/files/", own.upload, name="own_upload"),
    path("own/files/list/", own.files, name="own_files"),
    path("own/files/<uuid:pk>/", own.file, name="own_file"),
    path("own/files/<uuid:pk>/delete/", own.drop_file, name="own_drop_file"),
    path("own/files/<uuid:pk>/play/", own.play_scenario, name="own_play_scenario"),
    path("own/studies/", own.play, name="own_play"),
    path("own/studies/<uuid:pk>/", own.run, name="own_run"),
    path("own/studies/<uuid:pk>/resume/", own.resume, name="own_resume"),
    path("own/studies/<uuid:pk>/delete/", own.drop_run, name="own_drop_run"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("runs/", runs.runs, name="runs"),
    path("runs/play/", operating.play, name="play"),
    path("runs/compare/", runs.compare, name="compare"),
    path("runs/<uuid:pk>/", runs.run, name="run"),
    path("runs/<uuid:pk>/report/", runs.report, name="run_report"),
    path("tokens/", programs.tokens, name="tokens"),
    path("tokens/add/", programs.add_token, name="add_token"),
    path("tokens/<uuid:pk>/drop/", programs.drop_token, name="drop_token"),
    path("webhooks/", programs.webhooks, name="webhooks"),
    path("webhooks/add/", programs.add_webhook, name="add_webhook"),
    path("webhooks/<uuid:pk>/", programs.webhook, name="webhook"),
    path("webhooks/<uuid:pk>/secret/", programs.rotate_webhook, name="rotate_webhook"),
    path("webhooks/<uuid:pk>/ping/", programs.ping_webhook, name="ping_webhook"),
    path("webhooks/<uuid:pk>/switch/", programs.switch_webhook, name="switch_webhook"),
    path("webhooks/<uuid:pk>/drop/", programs.drop_webhook, name="drop_webhook"),
    path("webhooks/<uuid:pk>/<uuid:delivery>/resend/", programs.resend, name="resend"),
    path("design/", views.design, name="design"),
    path("language/", language.choose, name="language"),
    path("words/<slug:code>/<slug:digest>.js", language.words, name="words"),
]
