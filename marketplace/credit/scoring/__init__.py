"""Checks of a credit application and the scorecard that proposes a limit: pure, integers only.

Nothing here decides: a person does, and sees every reason. A failed *gate* (age, wallet, identity document,
black list) proposes no credit at all; all else is points, whose sum sets how much collateral is asked for.
"""
