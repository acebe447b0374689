"""Every flow of the protocol as a table: how it begins, and its steps, each of which may be done twice.

A new message or a new effect for the ledger needs a scenario here: test_crash_walk counts which are walked.
"""

from collections.abc import Sequence

import msgspec
from crash_walk import Life, Place, Scenario, Server, Step
from engine_parties import METER, Pair
from test_ledger import FUNDING

from channels_engine.core import messages as m
from channels_engine.core.keccak import keccak256
from channels_engine.core.negotiation import dispute_request, next_change, next_state_for_offer
from channels_engine.core.signing import LocalSigner, canonical
from channels_engine.core.state import Endpoint
from channels_engine.core.typed_data import Signable, digest, struct_hash
from channels_engine.core.types import Delivery, Offer, Side
from channels_engine.drivers import Closing, Opening, Pairing, Settling
from channels_engine.frames import decode_body
from channels_engine.store import repository
from channels_engine.submissions import Accepted, Outcome
from contracts.bindings import SignedState
from contracts.consents import dispute_request as ledger_dispute_request
from contracts.consents import token_permit

CHALLENGE_S = 3600
NEVER = 2**32


def accepted(outcomes: Sequence[Outcome]) -> None:
    assert all(isinstance(outcome, Accepted) for outcome in outcomes), outcomes


def sign(life: Life, signer: LocalSigner, value: Signable) -> bytes:
    return signer.sign(digest(life.place.chain.domain, value))


# How a flow begins: for many pairs at once


def nothing(server: Server, place: Place, pairs: Sequence[Pair]) -> None:
    """They have never spoken."""


def agreed(server: Server, place: Place, pairs: Sequence[Pair]) -> None:
    """With an entity contract and tokens."""
    token, sender = place.chain.token, place.chain.sender
    mints = [token.mint(s.address, FUNDING) for pair in pairs for s in (pair.signer_a, pair.signer_b)]
    hashes = [sent for sent in sender.send_many(mints) if isinstance(sent, bytes)]
    assert len(sender.wait_many(hashes)) == len(mints)
    accepted(server.world.floor.agree_many([Pairing(p.owner_a, p.owner_b, p.terms) for p in pairs]))


def opened(server: Server, place: Place, pairs: Sequence[Pair]) -> None:
    """With an open channel."""
    agreed(server, place, pairs)
    accepted(server.world.floor.open_many([opening(place, pair) for pair in pairs]))
    server.pump()  # brings them to the ledger


def traded(server: Server, place: Place, pairs: Sequence[Pair]) -> None:
    """With two trades that wait for their meters."""
    opened(server, place, pairs)
    for key in ("before-1", "before-2"):
        deals = [server.world.deal(pair, key, quantity_wh=5000) for pair in pairs]
        accepted(server.world.floor.trade_many(deals))


def opening(place: Place, pair: Pair) -> Opening:
    domain = place.chain.token.domain(place.chain.client.call)
    permits = [
        token_permit(
            domain,
            owner=signer.address,
            spender=place.chain.registry.address,
            amount=FUNDING,
            nonce=0,
            deadline=NEVER,
        )
        for signer in (pair.signer_a, pair.signer_b)
    ]
    first = m.DepositFunding(NEVER, pair.signer_a.sign(permits[0]))
    second = m.DepositFunding(NEVER, pair.signer_b.sign(permits[1]))
    return Opening(pair.opening, pair.owner_a, pair.owner_b, pair.terms, first, second)


# Steps


def pump(life: Life) -> None:
    life.server.pump()


def wait(seconds: int) -> Step:
    """Time passes, then the worker works. The clock is nobody's memory: after a crash it has passed."""

    def waited(life: Life) -> None:
        if f"waited {life.position}" not in life.said:
            life.said[f"waited {life.position}"] = ("", b"", m.Reject(bytes(32), ""))
            life.place.advance(seconds)
        life.server.pump()

    return waited


def expire(life: Life) -> None:
    """Nobody cares for the channel until it is over; the expiry and the grace of a minute pass."""
    wait(life.pair.opening.expiry - life.place.clock.now() + 70)(life)


def agree(life: Life) -> None:
    pair = life.pair
    accepted(life.world.floor.agree_many([Pairing(pair.owner_a, pair.owner_b, pair.terms)]))


def open_channel(life: Life) -> None:
    accepted(life.world.floor.open_many([opening(life.place, life.pair)]))


def trade(key: str) -> Step:
    def step(life: Life) -> None:
        accepted(life.world.floor.trade_many([life.world.deal(life.pair, key, quantity_wh=3000)]))

    return step


def settle(life: Life) -> None:
    a = life.hosting().endpoint(Side.A)
    signed = tuple(
        m.SignedDelivery(value, METER.sign(digest(life.place.chain.domain, value)))
        for value in (Delivery(life.pair.channel, t.id, t.quantity_wh - 1000) for t in a.open_trades)
    )
    accepted(life.world.floor.settle_many([Settling("s", life.pair.channel, life.pair.owner_b, signed)]))


def close(life: Life) -> None:
    accepted(life.world.floor.close_many([Closing(life.pair.channel, life.pair.owner_a)]))


def propose_terms(life: Life) -> None:
    terms = msgspec.structs.replace(life.pair.terms, party_b=bytes(20))
    body = m.EscPropose(life.pair.owner_b, terms)
    life.say(life.pair.owner_a, "propose", lambda: body, life.pair.terms.nonce)


def abort_terms(life: Life) -> None:
    life.say(life.pair.owner_b, "abort", lambda: m.EscAbort("no"), life.pair.terms.nonce)


def request_opening(life: Life) -> None:
    asked = opening(life.place, life.pair)
    signature = sign(life, life.pair.signer_a, asked.opening)
    body = m.OpenRequest(asked.opening, signature, asked.funding_a)
    life.say(life.pair.owner_a, "request", lambda: body)


def abort_opening(life: Life) -> None:
    life.say(life.pair.owner_b, "open-abort", lambda: m.OpenAbort("no"))


def end(life: Life, side: Side) -> Endpoint:
    return life.hosting().endpoint(side)


def an_offer(life: Life, salt: str, *, offeror_sells: bool = True, price: int = 200_000) -> Offer:
    current = end(life, Side.A).current
    assert current is not None
    now = life.place.clock.now()
    slot = now - now % 900 + 900
    identity = keccak256(life.pair.channel + salt.encode())
    return Offer(
        life.pair.channel,
        current.state.version,
        identity,
        offeror_sells,
        2000,
        price,
        price,
        slot,
        slot + 900,
        now + 500,
    )


def offer(life: Life) -> None:
    def body() -> m.Body:
        made = an_offer(life, "first")
        return m.OfferMade(made, sign(life, life.pair.signer_a, made))

    life.say(life.pair.owner_a, "offer", body)


def offered(life: Life) -> Offer:
    body = life.said["offer"][2]
    assert isinstance(body, m.OfferMade)
    return body.offer


def reject(life: Life) -> None:
    life.say(life.pair.owner_b, "reject", lambda: m.Reject(offered(life).id, "too dear"))


def withdraw(life: Life) -> None:
    life.say(life.pair.owner_a, "withdraw", lambda: m.Withdraw(offered(life).id))


def counter(life: Life) -> None:
    def body() -> m.Body:
        made = an_offer(life, "second", offeror_sells=False, price=150_000)
        return m.Counter(offered(life).id, made, sign(life, life.pair.signer_b, made))

    life.say(life.pair.owner_b, "counter", body)


def accept(side: Side) -> Step:
    """Accept the peer's one live offer."""

    def step(life: Life) -> None:
        signer = life.pair.signer_b if side is Side.B else life.pair.signer_a

        def body() -> m.Body:
            mine = end(life, side)
            (live,) = (one for one in mine.offers if one.offeror is side.other)
            state = next_state_for_offer(mine, live.offer.id)
            return m.UpdateRequest(live.offer.id, state, sign(life, signer, state))

        life.say((life.pair.owner_a, life.pair.owner_b)[side], "accept", body)

    return step


def confirm(side: Side) -> Step:
    def step(life: Life) -> None:
        signer = life.pair.signer_b if side is Side.B else life.pair.signer_a

        def body() -> m.Body:
            staged = end(life, side).staged
            assert staged is not None
            return m.UpdateConfirm(staged.state.version, sign(life, signer, staged.state))

        life.say((life.pair.owner_a, life.pair.owner_b)[side], "confirm", body)

    return step


def refuse(life: Life) -> None:
    def body() -> m.Body:
        staged = end(life, Side.A).staged
        assert staged is not None
        return m.UpdateAbort(staged.state.version, "changed my mind")

    life.say(life.pair.owner_a, "refuse", body)


def dispute(life: Life) -> None:
    """Side B raises a dispute, off the ledger first, with its consent to go there."""

    def body() -> m.Body:
        wanted = dispute_request(end(life, Side.B))
        return m.DisputeRaise(wanted.version, "no answer", sign(life, life.pair.signer_b, wanted))

    life.say(life.pair.owner_b, "dispute", body)


def ask_to_withdraw(life: Life) -> None:
    """Side A takes out what it earned, while the channel stays open."""

    def body() -> m.Body:
        mine = end(life, Side.A)
        assert mine.current is not None
        left = mine.current.state.balance_b
        wanted = next_change(mine, FUNDING, left, life.place.clock.now() + 600)
        return m.FundingRequest(wanted, sign(life, life.pair.signer_a, wanted))

    life.say(life.pair.owner_a, "withdraw-money", body)


def agree_to_withdrawal(life: Life) -> None:
    def body() -> m.Body:
        staged = end(life, Side.B).staged
        assert staged is not None
        assert staged.change is not None
        return m.FundingConfirm(staged.state.version, sign(life, life.pair.signer_b, staged.change))

    life.say(life.pair.owner_b, "agree", body)


def enforce(life: Life) -> None:
    """The offeror has vanished: its offer, that was accepted, goes to the ledger."""
    made = offered(life)
    body = m.EnforceOffer(made.id, sign(life, life.pair.signer_b, made))
    life.say(life.pair.owner_b, "enforce", lambda: body)


def show_short_delivery(life: Life) -> None:
    made = offered(life)
    value = Delivery(life.pair.channel, struct_hash(made), made.quantity_wh // 2)
    signed = m.SignedDelivery(value, METER.sign(digest(life.place.chain.domain, value)))
    life.say(life.pair.owner_b, "delivered", lambda: m.EnforceDelivery((signed,)))


def record(life: Life) -> None:
    def body() -> m.Body:
        current = end(life, Side.A).current
        assert current is not None
        return m.Checkpoint(current.state.version)

    life.say(life.pair.owner_a, "record", body)


def cheat(life: Life) -> None:
    """The buyer brings the first trade's state to the ledger by itself, after the second."""
    if "cheated" in life.said:
        return
    chain, pair = life.place.chain, life.pair
    requests = (e for e in repository.entries_after(pair.channel, 0, 100) if e.type == "update.request")
    stale = decode_body("update.request", next(requests).body)
    assert isinstance(stale, m.UpdateRequest)
    message = digest(chain.domain, stale.state)
    by_a, by_b = (
        canonical(message, signer.sign(message), signer.address) for signer in (pair.signer_a, pair.signer_b)
    )
    shown = SignedState(pair.terms, pair.opening, stale.state, by_a, by_b)
    consent = ledger_dispute_request(chain.domain, channel=pair.channel, version=stale.state.version)
    chain.execute(chain.registry.dispute(shown, pair.signer_b.sign(consent)))
    life.said["cheated"] = ("", b"", m.Reject(bytes(32), ""))


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("agreement", nothing, (agree,)),
    Scenario("agreement refused", nothing, (propose_terms, abort_terms)),
    Scenario("opening", agreed, (open_channel, pump)),
    Scenario("opening refused", agreed, (request_opening, abort_opening, pump)),
    Scenario("offer rejected", opened, (offer, reject, pump)),
    Scenario("offer withdrawn", opened, (offer, withdraw, pump)),
    Scenario("counter-offer taken", opened, (offer, counter, accept(Side.A), confirm(Side.B), pump)),
    Scenario("trades", opened, (trade("one"), trade("two"), pump)),
    Scenario("acceptance refused", opened, (offer, accept(Side.B), refuse, trade("then"), pump)),
    Scenario("acceptance unanswered", opened, (offer, accept(Side.B), wait(60), trade("then"), pump)),
    Scenario("settlement", traded, (settle, pump)),
    Scenario("close", traded, (settle, close, pump)),
    Scenario(
        "dispute ended off the ledger", opened, (offer, accept(Side.B), dispute, confirm(Side.A), wait(60))
    ),
    Scenario("dispute to payout", traded, (dispute, wait(60), wait(CHALLENGE_S + 60))),
    Scenario(
        "stale state resolved amid an update",
        traded,
        (offer, accept(Side.B), cheat, pump, trade("then"), pump),
    ),
    Scenario("withdrawal", traded, (ask_to_withdraw, agree_to_withdrawal, pump, dispute, pump)),
    Scenario(
        "offer and delivery enforced",
        opened,
        (offer, accept(Side.B), wait(60), enforce, pump, show_short_delivery, pump, wait(CHALLENGE_S + 60)),
    ),
    Scenario("checkpoint", traded, (record, pump, trade("then"), pump)),
    Scenario("expiry", traded, (expire, wait(CHALLENGE_S + 60)), expiry=3000, spacing=10_000),
)
