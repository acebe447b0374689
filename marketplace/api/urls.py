"""Paths of the API, below /api/v1/."""

from django.urls import path, re_path, register_converter
from django.urls.converters import StringConverter

from marketplace.api import (
    agent_rules,
    agent_steps,
    bills,
    channels,
    contracts,
    credit,
    debts,
    desk,
    disputes,
    documents,
    feeder,
    lists,
    me,
    meters,
    money,
    notices,
    office,
    office_money,
    operating,
    own_data,
    programs,
    published,
    runs,
    statements,
    studies,
    today,
    trading,
    wallet,
    webhooks,
)
from marketplace.api.views import NowhereView


class HashConverter(StringConverter):
    """32 bytes as lower-case 0x-hex."""

    regex = "0x[0-9a-f]{64}"


class RowConverter(StringConverter):
    """A row's number, within 64 bits."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:  # type: ignore[override]  # Django's converters give what they like
        """The number."""
        return int(value)


register_converter(HashConverter, "hash")
register_converter(RowConverter, "row")

app_name = "api"
urlpatterns = [
    path("schema/", published.DescriptionView.as_view(), name="schema"),
    *(path(name, published.PublishedView.as_view(document=name), name=name) for name in published.DOCUMENTS),
    path("me/", me.MeView.as_view(), name="me"),
    path("me/profile/", me.ProfileView.as_view(), name="profile"),
    path("me/erasure/", own_data.ErasureView.as_view(), name="erasure"),
    path("me/export/", own_data.ExportView.as_view(), name="export"),
    path("me/looks/", own_data.LooksView.as_view(), name="looks"),
    path("tokens/", programs.TokensView.as_view(), name="tokens"),
    path("tokens/<uuid:pk>/", programs.TokenView.as_view(), name="token"),
    path("webhooks/", webhooks.WebhooksView.as_view(), name="webhooks"),
    path("webhooks/<uuid:pk>/", webhooks.WebhookView.as_view(), name="webhook"),
    path("webhooks/<uuid:pk>/secret/", webhooks.WebhookSecretView.as_view(), name="webhook-secret"),
    path("webhooks/<uuid:pk>/ping/", webhooks.WebhookPingView.as_view(), name="webhook-ping"),
    path("webhooks/<uuid:pk>/deliveries/", webhooks.DeliveriesView.as_view(), name="webhook-deliveries"),
    path(
        "webhooks/<uuid:pk>/deliveries/<uuid:delivery>/resend/",
        webhooks.ResendView.as_view(),
        name="webhook-resend",
    ),
    path("notices/", notices.NoticesView.as_view(), name="notices"),
    path("notices/unread/", notices.UnreadView.as_view(), name="notices-unread"),
    path("notices/read/", notices.NoticesReadView.as_view(), name="notices-read"),
    path("notices/preferences/", notices.PreferencesView.as_view(), name="notice-preferences"),
    path("notices/devices/", notices.DevicesView.as_view(), name="push-devices"),
    path("notices/devices/<uuid:pk>/", notices.DeviceView.as_view(), name="push-device"),
    path("ledger/", wallet.LedgerView.as_view(), name="ledger"),
    path("wallet/", wallet.WalletView.as_view(), name="wallet"),
    path("wallet/challenge/", wallet.ChallengeView.as_view(), name="challenge"),
    path("wallet/test-money/", wallet.TestMoneyView.as_view(), name="test-money"),
    path("wallet/transfer/", money.TransferView.as_view(), name="transfer"),
    path("wallet/session-keys/", money.SessionKeysView.as_view(), name="session-keys"),
    path("wallet/session-keys/<hash:nonce>/", money.SessionKeyView.as_view(), name="session-key"),
    path("merchants/", credit.MerchantsView.as_view(), name="merchants"),
    path("documents/", documents.DocumentsView.as_view(), name="documents"),
    path("documents/<uuid:pk>/", documents.DocumentView.as_view(), name="document"),
    path("documents/<uuid:pk>/content/", documents.DocumentContentView.as_view(), name="document-content"),
    path("applications/", credit.ApplicationsView.as_view(), name="applications"),
    path("applications/<uuid:pk>/", credit.ApplicationView.as_view(), name="application"),
    path(
        "applications/<uuid:pk>/checks/", own_data.ApplicationChecksView.as_view(), name="application-checks"
    ),
    path("applications/<uuid:pk>/submit/", credit.SubmitView.as_view(), name="application-submit"),
    path("applications/<uuid:pk>/withdraw/", credit.WithdrawView.as_view(), name="application-withdraw"),
    path("agreements/", credit.AgreementsView.as_view(), name="agreements"),
    path("agreements/<uuid:pk>/", credit.AgreementView.as_view(), name="agreement"),
    path("agreements/<uuid:pk>/to-sign/", credit.ToSignView.as_view(), name="agreement-to-sign"),
    path("agreements/<uuid:pk>/initialise/", credit.InitialiseView.as_view(), name="agreement-initialise"),
    path("agreements/<uuid:pk>/statement/", statements.StatementView.as_view(), name="agreement-statement"),
    path("agreements/<uuid:pk>/pay/", statements.PayView.as_view(), name="agreement-pay"),
    path("agreements/<uuid:pk>/top-up/", statements.TopUpView.as_view(), name="agreement-top-up"),
    path(
        "agreements/<uuid:pk>/withdraw-collateral/",
        statements.WithdrawCollateralView.as_view(),
        name="agreement-withdraw-collateral",
    ),
    path("bills/", bills.BillsView.as_view(), name="bills"),
    path("bills/running/", bills.RunningView.as_view(), name="bills-running"),
    path("bills/issued/", bills.IssuedBillsView.as_view(), name="bills-issued"),
    path("bills/<uuid:pk>/", bills.BillView.as_view(), name="bill"),
    path("bills/<uuid:pk>/pdf/", bills.BillDocumentView.as_view(), name="bill-pdf"),
    path("bills/<uuid:pk>/csv/", bills.BillTableView.as_view(), name="bill-csv"),
    path("bills/<uuid:pk>/pay/", bills.PayBillView.as_view(), name="bill-pay"),
    path("bills/<uuid:pk>/correction/", bills.CorrectBillView.as_view(), name="bill-correction"),
    path("bills/<uuid:pk>/end-supply/", bills.EndSupplyView.as_view(), name="bill-end-supply"),
    path("bills/<uuid:pk>/payments/", bills.BillPaymentsView.as_view(), name="bill-payments"),
    path("notes/", credit.NotesView.as_view(), name="notes"),
    path("notes/<hash:serial>/", credit.NoteView.as_view(), name="note"),
    path("notes/<hash:serial>/withdraw/", money.WithdrawEarningsView.as_view(), name="note-withdraw"),
    path("meters/", meters.MetersView.as_view(), name="meters"),
    path("meters/readings/", meters.ReadingsView.as_view(), name="meter-readings"),
    path("prosumers/", trading.ProsumersView.as_view(), name="prosumers"),
    path("prosumers/<slug:slug>/standing/", trading.StandingView.as_view(), name="prosumer-standing"),
    path("prosumers/<slug:slug>/funding/", feeder.FundingView.as_view(), name="prosumer-funding"),
    path("prosumers/<slug:slug>/reputation/", desk.ReputationView.as_view(), name="prosumer-reputation"),
    path("prosumers/<slug:slug>/presence/", desk.PresenceView.as_view(), name="prosumer-presence"),
    path("market/room/", desk.RoomView.as_view(), name="market-room"),
    path("feeder/", feeder.FeederView.as_view(), name="feeder"),
    path("feeder/live/", feeder.LiveView.as_view(), name="feeder-live"),
    path("market/", feeder.MarketInfoView.as_view(), name="market"),
    path("market/control/", operating.MarketControlView.as_view(), name="market-control"),
    path("market/step/", operating.MarketStepView.as_view(), name="market-step"),
    path("runs/", runs.RunsView.as_view(), name="runs"),
    path("runs/<uuid:pk>/", runs.RunView.as_view(), name="run"),
    path("runs/<uuid:pk>/report/", runs.RunReportView.as_view(), name="run-report"),
    path("runs/<uuid:pk>/tables/<slug:table>/", runs.RunTableView.as_view(), name="run-table"),
    path("market/forecast/", feeder.MarketForecastView.as_view(), name="market-forecast"),
    path("prosumers/<slug:slug>/", trading.ProsumerView.as_view(), name="prosumer"),
    path("today/", today.TodayView.as_view(), name="today"),
    path("agent/", agent_rules.OwnAgentView.as_view(), name="agent"),
    path("agent/rules/", agent_rules.VersionsView.as_view(), name="agent-rules"),
    path("agent/rules/<row:version>/", agent_rules.VersionView.as_view(), name="agent-rules-version"),
    path("agent/rules/<row:version>/dry-run/", agent_rules.DryRunView.as_view(), name="agent-dry-run"),
    path("agent/rules/<row:version>/mandate/", agent_rules.MandateView.as_view(), name="agent-mandate"),
    path("agent/pause/", agent_rules.PauseView.as_view(), name="agent-pause"),
    path("agent/resume/", agent_rules.ResumeView.as_view(), name="agent-resume"),
    path("agent/plan/", agent_steps.PlanView.as_view(), name="agent-plan"),
    path("agent/presence/", agent_steps.PresenceView.as_view(), name="agent-presence"),
    path("agent/steps/", agent_steps.StepsView.as_view(), name="agent-steps"),
    path("agents/", trading.AgentsView.as_view(), name="agents"),
    path("listings/", trading.ListingsView.as_view(), name="listings"),
    path("listings/<row:pk>/", trading.ListingView.as_view(), name="listing"),
    path("trades/", trading.TradesView.as_view(), name="trades"),
    path("gate-decisions/", trading.GateDecisionsView.as_view(), name="gate-decisions"),
    path("channels/", channels.ChannelsView.as_view(), name="channels"),
    path("channels/waiting/", contracts.WaitingView.as_view(), name="channels-waiting"),
    path("contracts/<hash:nonce>/funding/", contracts.PromiseView.as_view(), name="contract-funding"),
    path(
        "channels/<hash:channel_id>/deliveries/",
        contracts.DeliveriesView.as_view(),
        name="channel-deliveries",
    ),
    path("channels/<hash:channel_id>/dispute/", disputes.DisputeView.as_view(), name="channel-dispute"),
    path(
        "channels/<hash:channel_id>/dispute/evidence/",
        disputes.EvidenceView.as_view(),
        name="channel-dispute-evidence",
    ),
    path(
        "channels/<hash:channel_id>/dispute/finalise/",
        disputes.FinaliseView.as_view(),
        name="channel-dispute-finalise",
    ),
    path("channels/<hash:channel_id>/", channels.ChannelDetailView.as_view(), name="channel"),
    path("list-entries/", lists.MyEntriesView.as_view(), name="list-entries"),
    path("list-entries/<row:pk>/appeal/", lists.AppealView.as_view(), name="list-entry-appeal"),
    path("office/", office.OfficeView.as_view(), name="office"),
    path("office/applications/", office.QueueView.as_view(), name="office-applications"),
    path("office/applications/<uuid:pk>/", office.ReviewView.as_view(), name="office-application"),
    path("office/applications/<uuid:pk>/decision/", office.DecisionView.as_view(), name="office-decision"),
    path("office/agreements/", office.HeldAgreementsView.as_view(), name="office-agreements"),
    path(
        "office/agreements/<uuid:pk>/statement/", office.HeldStatementView.as_view(), name="office-statement"
    ),
    path("office/agreements/<uuid:pk>/claim/", office.ClaimingView.as_view(), name="office-claim"),
    path(
        "office/agreements/<uuid:pk>/debt-payments/",
        debts.DebtPaymentsView.as_view(),
        name="office-debt-payments",
    ),
    path(
        "office/agreements/<uuid:pk>/debt-payments/<row:number>/",
        debts.DebtPaymentView.as_view(),
        name="office-debt-payment",
    ),
    path("office/merchants/", office_money.HeldMerchantsView.as_view(), name="office-merchants"),
    path(
        "office/merchants/<slug:slug>/treasury/", office_money.TreasuryView.as_view(), name="office-treasury"
    ),
    path("office/merchants/<slug:slug>/reasons/", office_money.ReasonsView.as_view(), name="office-reasons"),
    path("office/exposure/", office_money.ExposureView.as_view(), name="office-exposure"),
    path("office/notes/<hash:serial>/end/", office_money.EndNoteView.as_view(), name="office-note-end"),
    path("office/list-entries/", lists.EntriesView.as_view(), name="office-entries"),
    path("office/list-entries/<row:pk>/lift/", lists.LiftView.as_view(), name="office-entry-lift"),
    path("office/list-entries/<row:pk>/confirm/", lists.ConfirmView.as_view(), name="office-entry-confirm"),
    path("office/appeals/", lists.AppealsView.as_view(), name="office-appeals"),
    path("office/appeals/<row:pk>/answer/", lists.AnswerView.as_view(), name="office-appeal-answer"),
    path("inputs/", studies.InputsView.as_view(), name="inputs"),
    path("inputs/<uuid:pk>/", studies.InputView.as_view(), name="input"),
    path("studies/", studies.StudiesView.as_view(), name="studies"),
    path("studies/<uuid:pk>/", studies.StudyView.as_view(), name="study"),
    path("studies/<uuid:pk>/slots/", studies.StudySlotsView.as_view(), name="study-slots"),
    re_path(r"^.*$", NowhereView.as_view(), name="nowhere"),
]
