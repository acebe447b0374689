"""Tables of the engine. Ids and addresses are lowercase 0x-hex, money micro-units, energy Wh, time epoch seconds.

Written by `store.repository` alone (in bulk, by `store.bulk`); everything else reads.
"""

from typing import ClassVar

from django.db import models

HASH_TEXT = 66
OWNER_TEXT = 64
MESSAGE_ID_TEXT = 128


class Sender(models.IntegerChoices):
    """Who wrote an entry of a log."""

    A = 0, "a"
    B = 1, "b"
    LEDGER = 2, "ledger"
    CLOCK = 3, "clock"


class Contract(models.Model):
    """An entity contract (ESC) and the conversation that led to it; `number` is that of its log."""

    conversation = models.CharField(max_length=HASH_TEXT, primary_key=True)
    number = models.BigIntegerField(unique=True)
    scid = models.CharField(max_length=HASH_TEXT, unique=True, null=True)  # noqa: DJ001  unknown until accepted
    owner_a = models.CharField(max_length=OWNER_TEXT)
    owner_b = models.CharField(max_length=OWNER_TEXT)
    phase = models.CharField(max_length=16)
    seq = models.IntegerField()
    blob = models.BinaryField()
    updated_at = models.BigIntegerField()

    class Meta:
        """Found by owner."""

        indexes: ClassVar = [
            models.Index(fields=["owner_a"], name="engine_contract_owner_a"),
            models.Index(fields=["owner_b"], name="engine_contract_owner_b"),
        ]

    def __str__(self) -> str:
        return f"contract {self.scid or self.conversation} ({self.phase})"


class Channel(models.Model):
    """What moves with each message: one row a channel, for all sides hosted here, written whole each time.

    `number` stands for the channel in the rows of its log. `seq` is the last entry of that log, `staged_seq`
    the entry that proposed the staged state. `staged` has bit 1 where side A has a next state staged, bit 2 where
    side B has. `moving` is the moving half of the endpoints (`store.blobs`).
    """

    number = models.BigAutoField(primary_key=True)
    channel = models.CharField(max_length=HASH_TEXT, unique=True)
    version = models.BigIntegerField()
    seq = models.IntegerField()
    staged_seq = models.IntegerField()
    staged = models.SmallIntegerField()
    moving = models.BinaryField()
    updated_at = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.channel} version {self.version}"


class Endpoint(models.Model):
    """One hosted side of one channel: what stays as it is for many trades (`channel_row` has the rest).

    `phase` is the endpoint's, but that of a staged channel stays `open`: else each trade would write this row
    twice. `phase_now` is exact. `wake_at` is when to look at the timer: never late, maybe early
    (`relay.Hosting`). `fixed` is the constant half of the endpoint (`store.blobs`).
    """

    channel = models.CharField(max_length=HASH_TEXT)
    side = models.SmallIntegerField()
    owner = models.CharField(max_length=OWNER_TEXT)
    peer = models.CharField(max_length=OWNER_TEXT)
    scid = models.CharField(max_length=HASH_TEXT)
    phase = models.CharField(max_length=16)
    wake_at = models.BigIntegerField(null=True)
    fixed = models.BinaryField()
    channel_row = models.ForeignObject(
        Channel,
        on_delete=models.DO_NOTHING,
        from_fields=["channel"],
        to_fields=["channel"],
        related_name="endpoints",
    )

    class Meta:
        """One row a side; found by owner, contract, and the time to wake."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["channel", "side"], name="engine_endpoint_side")
        ]
        indexes: ClassVar = [
            models.Index(fields=["owner"], name="engine_endpoint_owner"),
            models.Index(fields=["scid"], name="engine_endpoint_scid"),
            models.Index(
                fields=["wake_at"],
                name="engine_endpoint_wake",
                condition=models.Q(wake_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} side {'ab'[self.side]} ({self.phase})"

    @property
    def phase_now(self) -> str:
        """The endpoint's phase, staged included."""
        is_staged = self.channel_row.staged >> self.side & 1
        return "staged" if is_staged else self.phase

    @property
    def version(self) -> int:
        """The newest co-signed version."""
        return self.channel_row.version

    @property
    def updated_at(self) -> int:
        """When the channel was written last."""
        return self.channel_row.updated_at


class LogEntry(models.Model):
    """One entry of a channel's (or conversation's) log; `body` is its JSON as in docs/messages.md.

    `log` is the `number` of the `Channel` or `Contract`: in the indexes it takes a tenth of a hash's place.
    """

    log = models.BigIntegerField()
    seq = models.IntegerField()
    sender = models.SmallIntegerField(choices=Sender.choices)
    message_id = models.CharField(max_length=MESSAGE_ID_TEXT)
    type = models.CharField(max_length=32)
    body = models.TextField()
    at = models.BigIntegerField()

    class Meta:
        """Numbered without gaps; a repeated id is found and answered as before."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["log", "seq"], name="engine_log_seq"),
            models.UniqueConstraint(fields=["log", "sender", "message_id"], name="engine_log_message_id"),
        ]

    def __str__(self) -> str:
        return f"{self.log} #{self.seq} {self.type}"


class CoSignedState(models.Model):
    """Every state that both sides signed, and the log entries that brought the signatures."""

    channel = models.CharField(max_length=HASH_TEXT)
    version = models.BigIntegerField()
    base = models.BigIntegerField()
    balance_a = models.BigIntegerField()
    balance_b = models.BigIntegerField()
    energy_to_a = models.BigIntegerField()
    energy_to_b = models.BigIntegerField()
    trades_root = models.BinaryField(max_length=32)
    is_final = models.BooleanField()
    signature_a = models.BinaryField(max_length=65)
    signature_b = models.BinaryField(max_length=65)
    request_seq = models.IntegerField()
    confirm_seq = models.IntegerField()
    at = models.BigIntegerField()

    class Meta:
        """One state a version."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["channel", "version"], name="engine_cosigned_version"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} version {self.version}"


class TradeRecord(models.Model):
    """A trade. `delivered_wh` and `refund` are a claim until `settled_version` is set.

    Both sides signed the state `version` that made it, and `settled_version` that settled it. But where `is_enforced` is
    set, the ledger made it of an accepted offer, and where `is_refunded` is, a dispute was paid out with its refund.
    """

    channel = models.CharField(max_length=HASH_TEXT)
    trade = models.CharField(max_length=HASH_TEXT)
    seller = models.CharField(max_length=OWNER_TEXT)
    buyer = models.CharField(max_length=OWNER_TEXT)
    quantity_wh = models.BigIntegerField()
    price_per_kwh = models.BigIntegerField()
    imbalance_per_kwh = models.BigIntegerField()
    slot_start = models.BigIntegerField()
    slot_end = models.BigIntegerField()
    amount = models.BigIntegerField()
    version = models.BigIntegerField()
    at = models.BigIntegerField()
    delivered_wh = models.BigIntegerField(null=True)
    refund = models.BigIntegerField(null=True)
    settled_version = models.BigIntegerField(null=True)
    is_enforced = models.BooleanField(default=False, db_default=False)
    is_refunded = models.BooleanField(default=False, db_default=False)

    class Meta:
        """Found by slot, seller and buyer."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["channel", "trade"], name="engine_trade_id")]
        indexes: ClassVar = [
            models.Index(fields=["slot_start"], name="engine_trade_slot"),
            models.Index(fields=["seller", "slot_start"], name="engine_trade_seller"),
            models.Index(fields=["buyer", "slot_start"], name="engine_trade_buyer"),
        ]

    def __str__(self) -> str:
        return f"trade {self.trade}: {self.quantity_wh} Wh for {self.amount}"


class OutboxItem(models.Model):
    """An effect that still has to be done after its commit; `key` makes its repetition harmless."""

    class Lane(models.IntegerChoices):
        """Who does it."""

        LEDGER = 0
        NOTICE = 1

    lane = models.SmallIntegerField(choices=Lane.choices)
    key = models.CharField(max_length=160, unique=True)
    channel = models.CharField(max_length=HASH_TEXT)
    kind = models.CharField(max_length=32)
    payload = models.BinaryField()
    at = models.BigIntegerField()
    attempts = models.IntegerField(default=0)
    next_at = models.BigIntegerField(default=0)
    done_at = models.BigIntegerField(null=True)
    error = models.TextField(default="")

    class Meta:
        """The open ones of a lane, in order; those done, by time."""

        indexes: ClassVar = [
            models.Index(
                fields=["done_at"],
                name="engine_outbox_done",
                condition=models.Q(done_at__isnull=False),
            ),
            models.Index(
                fields=["lane", "id"],
                name="engine_outbox_open",
                condition=models.Q(done_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.key


class LedgerEvent(models.Model):
    """A confirmed event of the ledger that concerns a channel or contract hosted here."""

    channel = models.CharField(max_length=HASH_TEXT, db_index=True)
    scid = models.CharField(max_length=HASH_TEXT, db_index=True)
    name = models.CharField(max_length=64)
    block_number = models.BigIntegerField()
    block_hash = models.CharField(max_length=HASH_TEXT)
    transaction_hash = models.CharField(max_length=HASH_TEXT)
    log_index = models.IntegerField()
    arguments = models.JSONField()
    at = models.BigIntegerField(
        null=True,
        help_text="Time of the block, epoch seconds; rows of earlier versions get theirs from the watchtower.",
    )

    class Meta:
        """Once each."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["transaction_hash", "log_index"], name="engine_event_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} in block {self.block_number}"


class LedgerBlock(models.Model):
    """A block of the ledger whose events were taken; the newest ones tell where to go on, and show a reorganisation."""

    number = models.BigIntegerField(primary_key=True)
    hash = models.CharField(max_length=HASH_TEXT)

    def __str__(self) -> str:
        return f"block {self.number}"
