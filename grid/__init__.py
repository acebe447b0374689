"""The feeder: networks, profiles, power flow, gate, metering and replays."""
