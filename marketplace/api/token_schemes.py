"""How the API's description tells of tokens. The framework imports `tokens` before this could be."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class ProgramTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # spectacular's registry has no types
    """For the API's description."""

    target_class = "marketplace.api.tokens.ProgramTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """A bearer token."""
        del auto_schema
        return {"type": "http", "scheme": "bearer", "description": "A person's token, `wnp_...`, by scope."}


class MeterTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # spectacular's registry has no types
    """For the API's description."""

    target_class = "marketplace.api.tokens.MeterTokenAuthentication"
    name = "meterToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """A bearer token."""
        del auto_schema
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A meter's or its operator's token, `wnm_...`.",
        }
