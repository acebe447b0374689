"""`manage.py words`: bring the catalogues up to the sources and compile them. Needs GNU gettext."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from marketplace.web import extraction


class Command(BaseCommand):
    """Extract, merge, compile; says what is still to be translated."""

    help = "Extract the texts of the site into marketplace/locale and compile them."

    def handle(self, **_options: Any) -> None:
        for language in extraction.languages():
            for domain in extraction.DOMAINS:
                try:
                    self._refresh(language, domain)
                except FileNotFoundError as error:
                    raise CommandError(
                        "GNU gettext is not installed; install its package and try again."
                    ) from error

    def _refresh(self, language: str, domain: str) -> None:
        catalogue = extraction.catalogue_path(language, domain)
        catalogue.write_text(extraction.merged(language, domain), encoding="utf-8")
        extraction.compiled(catalogue, catalogue.with_suffix(".mo"))
        missing = extraction.run("msgattrib", "--untranslated", "--no-wrap", catalogue).count("\nmsgid ") - 1
        self.stdout.write(f"{language}/{domain}: {max(0, missing)} texts without a translation")
