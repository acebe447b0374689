"""What is wrong with a meter's number, in the reader's language."""

from django.utils.translation import gettext_lazy as _

from marketplace.accounts.connections import Wrong

METER_WORDS = {
    Wrong.CHECK_DIGIT: _("A digit of this market location is wrong: the last one doesn’t fit the others. Compare it with your bill."),
    Wrong.METERING: _("A metering location has 33 characters: DE, eleven digits, then twenty letters and digits."),
    Wrong.LENGTH: _("A meter number has 4 to 20 characters, a market location 11 digits, a metering location 33 characters."),
    Wrong.LETTERS: _("Only letters A to Z and digits, with one digit at least, such as 1ESY1160012345."),
}  # fmt: skip
