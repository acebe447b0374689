"""A typed client of the site's API. It needs neither Django nor anything else of the site: see docs/clients.md."""

from marketplace.client.api import Client
from marketplace.client.errors import ProblemError, UnreachableError

__all__ = ["Client", "ProblemError", "UnreachableError"]
