"""The live market: a replay at its own pace, in which people trade beside the agents."""
