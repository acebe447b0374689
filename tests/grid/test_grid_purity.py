"""The grid's core stands alone: no web framework, no channels, no ledger; pandapower only when asked for."""

import subprocess
import sys

CORE = (
    "networks.feeder networks.files networks.pandapower_tables profiles assets flow.powerflow flow.unbalanced gate.limits "
    "gate.check losses metering.operator readout scenarios.scenario simulation study kpis market.mechanisms sweeps.plan"
)
FORBIDDEN = (
    "django",
    "channels",
    "rest_framework",
    "channels_engine",
    "contracts",
    "web3",
    "pandapower",
    "simbench",
)


def test_importing_the_core_loads_nothing_foreign() -> None:
    imports = "; ".join(f"import grid.{name}" for name in CORE.split())
    code = f"import sys; {imports}; print(sorted(set({FORBIDDEN!r}) & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
