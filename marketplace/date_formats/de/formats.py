"""DIN 5008, as `marketplace.formats` follows it."""

DATE_FORMAT = SHORT_DATE_FORMAT = "d.m.Y"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = r"d.m.Y, H:i \U\h\r"
TIME_FORMAT = r"H:i \U\h\r"
