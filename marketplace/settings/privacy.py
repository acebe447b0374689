"""How long what is kept, and who looks for malware (docs/onboarding.md)."""

import os

from marketplace.settings.environment import integer

# A clamd (clamd:///path/to/socket, clamd://host:3310) or the dotted path of a callable; empty: nobody.
DOCUMENT_SCANNER = os.environ.get("DOCUMENT_SCANNER", "")
DOCUMENTS_MAX_BYTES = 60 * 1024 * 1024  # of one person, all together: exports are made in memory

# Days after which each thing goes by itself.
RETENTION_DAYS = {
    "drafts": integer("RETENTION_DRAFTS_DAYS", default=90),
    "rejected": integer("RETENTION_REJECTED_DAYS", default=180),
    "agreements": integer("RETENTION_AGREEMENTS_DAYS", default=5 * 365),  # section 8 (4) GwG: five years
    "audit": integer("RETENTION_AUDIT_DAYS", default=3 * 365),
    "sign_ins": integer("RETENTION_SIGN_INS_DAYS", default=30),
    "tasks": integer("RETENTION_TASKS_DAYS", default=30),
    "mail": integer("RETENTION_MAIL_DAYS", default=30),
}
