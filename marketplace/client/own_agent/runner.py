"""The agent at work: asks the site what to do, holds it against the mandate, signs, and tells what it did.

It asks no faster than the site says. After a lost line it comes back, later each time; what it left open is found again.
"""

import contextlib
import random
import time
from contextlib import closing
from threading import Event
from typing import Any

import msgspec
from websockets.exceptions import WebSocketException

from channels_engine.codec import parse_hex, to_hex
from channels_engine.core.errors import LocalProtocolError, SignatureError
from channels_engine.core.state import Endpoint, Phase
from channels_engine.core.types import Side
from marketplace.client.api import Client
from marketplace.client.errors import ProblemError, RefusedError, ShutOutError, UnreachableError
from marketplace.client.own_agent.bounds import BoundsError, require_bounds
from marketplace.client.own_agent.desk import AgentDesk, Teller, trade_of
from marketplace.client.own_agent.mandate import MandateError, require_mandate
from marketplace.client.own_agent.memory import Memory
from marketplace.client.own_agent.plans import Holding, Plan, Rules, Step
from marketplace.client.wallet import Wallet

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
PRESENCE_S = 20
SETTLE_S, LOOKS_BETWEEN, MOST_SETTLED = 15.0, 20, 20
POLITE = {Side.A: 2, Side.B: 12}
"""At which of so many looks at metered trades each side proposes: not both at once, and a household spoke before."""
LOST = (OSError, WebSocketException, UnreachableError, msgspec.DecodeError)
"""What passes: the site is away, or answers nonsense. `TimeoutError` is an `OSError`."""
RESTS = ("paused", "by_browser", "by_program")
"""While nothing is to be signed here: the person said so, or another of theirs acts."""
ENDS = {
    "draft": "The agent is not live; go live on the site, or start it again.",
    "mandate": "The mandate ran out; start again to sign another one.",
}


class Runner:
    """One person's agent, until `stop` is set."""

    def __init__(
        self,
        client: Client,
        wallet: Wallet,
        memory: Memory,
        owner: str,
        *,
        stop: Event,
        tell: Teller,
        takes_over: bool = False,
    ) -> None:
        self._client, self._wallet, self._memory = client, wallet, memory
        self._takes_over = takes_over
        self._owner, self._stop, self._tell = owner, stop, tell
        self._wait = FIRST_WAIT_S
        self._told: tuple[str, float] = "", 0.0
        self._settle_at = 0.0
        self._looks: dict[bytes, int] = {}
        self._open: dict[bytes, dict[str, Any]] = {}

    def run(self) -> None:
        """Work.

        Raises:
            MandateError: It may not any more, or the site shows rules that this wallet did not sign.
            ShutOutError: The token opens nothing more.
            ProtocolError: The site broke the protocol.
        """
        while not self._stop.is_set():
            try:
                self._work()
            except LOST as error:
                self._lost(str(error) or type(error).__name__)
            except ProblemError as error:
                if error.status in (401, 403):
                    raise ShutOutError(error.code, error.detail) from error
                self._lost(str(error))
        self._leave()

    def _leave(self) -> None:
        """Have the person's next browser or program act at once; else it does in a minute."""
        with contextlib.suppress(*LOST, ProblemError):
            self._hold("busy", leaves=True)

    def _lost(self, why: str) -> None:
        wait = self._wait * random.uniform(0.7, 1.3)  # noqa: S311  spreads returns, guards no secret
        self._tell(f"line lost: {why}; again in {wait:.0f} s")
        self._stop.wait(wait)
        self._wait = min(self._wait * 2, LONGEST_WAIT_S)

    def _work(self) -> None:
        """One connection's time; without one while the person has paused it."""
        plan = self._plan()
        if plan.reason in RESTS:
            self._present(plan, post=False)
            self._stop.wait(plan.look_again_s)
            return
        with closing(AgentDesk(self._client, self._wallet, self._memory, self._tell)) as desk:
            if desk.owner != self._owner:
                raise MandateError("The site speaks for another account than the mandate names.")
            desk.catch_up()
            self._tell(f"connected: {len(desk.endpoints)} channels")
            while not self._stop.is_set() and plan.reason not in RESTS:
                if self._look(desk, plan):
                    self._settle(desk)
                self._listen(desk, plan.look_again_s)
                plan = self._plan()

    def _plan(self) -> Plan:
        if self._takes_over:
            self._hold("busy", takes_over=True)
            self._takes_over = False
        plan = self._client.get(f"agent/plan/?holder={self._memory.name}", Plan)
        if plan.reason in ENDS:
            raise MandateError(ENDS[plan.reason])
        return plan

    def _listen(self, desk: AgentDesk, seconds: float) -> None:
        self._wait = FIRST_WAIT_S
        desk.listen(seconds, self._stop.is_set)
        for offer, why in desk.declined:
            made = self._open.pop(offer, None)
            if made is not None:
                self._report({**made, "kind": "declined", "detail": why[:300]})
        desk.declined.clear()

    def _look(self, desk: AgentDesk, plan: Plan) -> bool:
        """Take the step; false where another one has come to act meanwhile, and nothing is to be signed."""
        address, newest = self._wallet.address, self._memory.newest
        rules, until = require_mandate(
            plan, owner=self._owner, address=address, newest=newest, now=time.time()
        )
        self._memory.work_by(plan.version or 0)
        if not self._present(plan):
            return False
        if plan.action is not None and parse_hex(plan.action.channel, 32) in desk.endpoints:
            self._take(desk, plan.action, plan.version or 0, rules, until)
        return True

    def _settle(self, desk: AgentDesk) -> None:
        """Between people nobody else proposes what the meters read; the partner has some looks to do it first."""
        if time.monotonic() < self._settle_at:
            return
        self._settle_at = time.monotonic() + SETTLE_S
        waiting = [e for e in desk.endpoints.values() if e.phase is Phase.OPEN and e.open_trades]
        self._looks = {one.channel: self._looks.get(one.channel, 0) for one in waiting}
        for endpoint in waiting[:MOST_SETTLED]:
            try:
                self._propose(desk, endpoint)
            except ShutOutError:
                raise
            except (RefusedError, LocalProtocolError, SignatureError, BoundsError) as error:
                self._tell(f"not settled: {error}")

    def _propose(self, desk: AgentDesk, endpoint: Endpoint) -> None:
        channel = endpoint.channel
        looks = self._looks[channel] = self._looks[channel] + 1 if desk.metered(channel) else 0
        if looks and (looks - POLITE[endpoint.me]) % LOOKS_BETWEEN == 0:
            settled = desk.settle_metered(channel, above=self._memory.highest(endpoint))
            self._tell(f"settling: {settled} trades")

    def _present(self, plan: Plan, *, post: bool = True) -> bool:
        """Say in the log and to the site where it stands; false where another one acts."""
        doing, at = self._told
        if doing != plan.reason:
            self._tell(f"{plan.reason}: {plan.words}")
        elif time.monotonic() - at < PRESENCE_S:
            return True
        self._told = plan.reason, time.monotonic()
        return self._hold(plan.reason).mine if post else False

    def _hold(self, doing: str, *, takes_over: bool = False, leaves: bool = False) -> Holding:
        said = {"doing": doing, "holder": self._memory.name, "takes_over": takes_over, "leaves": leaves}
        return self._client.post("agent/presence/", Holding, said)

    def _take(self, desk: AgentDesk, step: Step, version: int, rules: Rules, until: int) -> None:
        names = ("channel", "sells", "slot_start", "quantity_wh")
        told = {name: getattr(step, name) for name in names} | {"version": version, "reason": step.reason}
        told["price_per_kwh"] = str(step.price_per_kwh)
        is_known = desk.endpoint(parse_hex(step.channel, 32)).tree.size > 0
        try:
            require_bounds(step, rules, is_known=is_known, bound=desk.bound(), until=until, now=time.time())
            offer = desk.take(step)
        except ShutOutError:
            raise
        except (BoundsError, RefusedError, LocalProtocolError) as error:
            self._report(told | _refusal(step, error), step, str(error))
            return
        made = told | {"offer": to_hex(offer.id), "trade": trade_of(offer)}
        if step.kind != "accept":
            self._open[offer.id] = made
        self._report(made | {"kind": step.kind}, step)

    def _report(self, told: dict[str, Any], step: Step | None = None, why: str = "") -> None:
        """A line here and one in the agent's log on the site."""
        partner = f" {step.partner.display_name}" if step else ""
        side = "sell" if told["sells"] else "buy"
        at = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(told["slot_start"]))
        line = f"{told['kind']}{partner}: {side} {told['quantity_wh']} Wh at {told['price_per_kwh']} for {at}"
        self._tell(" ".join([line, why or told.get("detail", "")]).strip())
        try:
            self._client.call("POST", "agent/steps/", told)
        except ProblemError as error:
            if error.status in (401, 403):
                raise
            self._tell(f"not in the site's log: {error}")


def _refusal(step: Step, error: BoundsError | RefusedError | LocalProtocolError) -> dict[str, Any]:
    """For the site, which says the code to its reader in words."""
    by_grid = isinstance(error, RefusedError) and error.code == "grid_limit"
    reason = "grid" if by_grid else "bounds" if isinstance(error, BoundsError) else step.reason
    return {"kind": "refused", "reason": reason, "offer": step.offer or None, "detail": error.code}
