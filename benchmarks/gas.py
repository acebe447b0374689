"""Gas of whole transactions, pinned by tests in `contracts/gas.json`, against the cheapest published system.

References (sources in docs/benchmarks.md): Raiden 0.50, go-nitro, perun-eth-contracts and cChannel-eth with an ERC-20,
approvals included, as an opening with deposits needs them.
"""

import json

from benchmarks.results import ROOT, record

RAIDEN_OPEN = 142_692 + 76_406
NITRO_OPEN = 69_866 + 52_778 + 2 * 46_193
PERUN_OPEN = 2 * 69_078 + 2 * 29_172
CHEAPEST = {
    "open": min(RAIDEN_OPEN, NITRO_OPEN, PERUN_OPEN),
    "close": min(167_454, 112_690, 144_370 + 2 * 50_320, 145_115),
    "dispute": min(137_729, 113_146, 101_479, 106_994),
    "resolve": min(90_533, 73_936, 69_157),
    "payout": min(173_784, 82_026, 96_478 + 2 * 50_320, 95_945),
    "whole": min(402_046, 195_172, 267_114 + 2 * 50_320),
    "batch": 112_690,
}
ROWS = (
    ("gas_open_deposit", "open", 150_000),
    ("gas_open_note", "open", 105_000),
    ("gas_close_deposit", "close", 90_000),
    ("gas_close_note_one_merchant", "close", 75_000),
    ("gas_close_note_two_merchants", "close", 90_000),
    ("gas_dispute", "dispute", 90_000),
    ("gas_resolve", "resolve", 60_000),
    ("gas_payout", "payout", 80_000),
    ("gas_dispute_whole", "whole", 170_000),
    ("gas_batch_close_deposit", "batch", 55_000),
    ("gas_batch_close_note", "batch", 45_000),
)


def main() -> None:
    """Record the pinned figures; a ratio is held against goal gas / reference gas."""
    pinned = json.loads((ROOT / "contracts" / "gas.json").read_text(encoding="utf-8"))
    for name, kind, goal_gas in ROWS:
        record(
            name,
            ours=pinned[name],
            reference=CHEAPEST[kind],
            ratio=pinned[name] / CHEAPEST[kind],
            goal=goal_gas / CHEAPEST[kind],
            unit="gas",
            better="lower",
            command="make bench ONLY=gas",
        )


if __name__ == "__main__":
    main()
