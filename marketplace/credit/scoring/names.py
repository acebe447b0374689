"""Whether two spellings are the same person's name: case, accents, order, transliteration, double names."""

import unicodedata
from collections.abc import Iterable

# ICAO 9303 part 3, section 6: how passports, and banks' SWIFT forms, write what ASCII lacks.
SPELLED = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "æ": "ae", "ø": "oe", "œ": "oe", "ß": "ss", "þ": "th", "ð": "d", "ł": "l", "đ": "d", "ı": "i"}
)  # fmt: skip
TITLES = frozenset({"dr", "prof", "dipl", "ing", "herr", "frau", "mr", "mrs", "ms", "med"})


def parts(name: str, *, spelled: bool) -> frozenset[str]:
    """Words of a name without case, titles and punctuation; umlauts spelled out, or without their dots."""
    lowered = unicodedata.normalize("NFC", name).casefold()
    if spelled:
        lowered = lowered.translate(SPELLED)
    bare = "".join(c for c in unicodedata.normalize("NFKD", lowered) if not unicodedata.combining(c))
    bare = bare.translate(SPELLED)
    return frozenset("".join(c if c.isalnum() else " " for c in bare).split()) - TITLES


def spellings(name: str) -> tuple[frozenset[str], frozenset[str]]:
    """With umlauts as ae and as a."""
    return parts(name, spelled=True), parts(name, spelled=False)


def stands_in(name: str, texts: Iterable[str]) -> bool:
    """Every word of the name stands in one of the texts, in any order."""
    wanted = spellings(name)
    return all(wanted) and any(any(w <= t for w in wanted for t in spellings(text)) for text in texts)


def same(name: str, holder: str) -> bool:
    """Two names are one person's, as far as letters tell: one has all words of the other, two at least.

    A joint account ("Erika und Max Mustermann") is each of both persons'. Initials and one word alone prove nothing.
    """
    for mine in spellings(name):
        for theirs in spellings(holder):
            common = mine & theirs
            if len(common) > 1 and common in (mine, theirs):
                return True
    return False
