"""What the person signs when its agent goes live, and whether a plan's rules are those. Pure.

The text is built here, so that nobody can put looser rules into its place; the site's is
`marketplace/trading/own_agent/rules.py`, the browser's `static/web/js/agent/mandate.js`, and
`fixtures/vectors/agent.json` holds all three to one text.
"""

from datetime import UTC, datetime

from channels_engine.codec import parse_hex
from channels_engine.core.errors import SignatureError
from channels_engine.core.signing import recover
from marketplace.client.own_agent.plans import Plan, Rules
from marketplace.client.wallet import text_digest


class MandateError(Exception):
    """There is no mandate, or the rules are not those that this wallet signed for."""


def mandate_text(rules: Rules, *, version: int, owner: str, until: int) -> str:
    """The text for the account `owner`; it holds until `until`, epoch seconds."""
    lines = [
        "My Wattnote agent may trade for me by these rules, and by no others.",
        "",
        f"Account: {owner}",
        f"Rules: {version}",
        f"Sell: {f'from {rules.sell_from} micro-units per kWh' if rules.sells else 'never'}",
        f"Buy: {f'up to {rules.buy_up_to} micro-units per kWh' if rules.buys else 'never'}",
        f"Reserve: {rules.reserve_wh} Wh",
        f"Budget for a day of delivery: {rules.budget} micro-units",
        f"Most in one trade: {rules.most_wh} Wh",
        f"Partners: {rules.partners}",
        f"Hours: {rules.from_minute} to {rules.to_minute} minutes of the day, {rules.zone}",
        f"Until: {datetime.fromtimestamp(until, UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}",
    ]
    return "\n".join(lines)


def require_mandate(plan: Plan, *, owner: str, address: bytes, newest: int, now: float) -> tuple[Rules, int]:
    """The rules and their end, if this wallet signed for them.

    Args:
        plan: The site's.
        owner: The account.
        address: The wallet, 20 bytes.
        newest: The highest version that this program has worked by.
        now: Epoch seconds.

    Raises:
        MandateError: It must not work by them.
    """
    rules, until = plan.rules, plan.until
    if rules is None or not plan.version or not plan.mandate or not until:
        raise MandateError("There is no mandate.")
    if until <= now:
        raise MandateError("The mandate ran out.")
    if plan.version < newest:
        raise MandateError("These rules are older than the ones that you signed last.")
    text = mandate_text(rules, version=plan.version, owner=owner, until=until)
    if _signer(text, plan.mandate) != address:
        raise MandateError(
            "These rules are not signed by your wallet; go live with `--rules` to sign for them."
        )
    return rules, until


def _signer(text: str, signature: str) -> bytes:
    try:
        return recover(text_digest(text), parse_hex(signature, 65))
    except (SignatureError, ValueError):
        return b""
