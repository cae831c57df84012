"""Uses rules to check whether a source supports a claim: compares words, numbers, names and negations. No model is used.

Each check compares one claim with one text. A false claim that uses only the source's own words is not detected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.text.dates import MONTH_ABBREVIATIONS
from rag.text.sentences import sentences
from rag.text.terms import STOP_WORDS, terms
from rag.text.unicode_text import strip_invisible

MIN_SHARE = 0.45  # a source must contain at least this share of a claim's words (benchmarks/README.md)
# A sentence that contains at least this share of a claim's words is assumed to say the same thing, so it is an error if
# only the sentence or only the claim is negated.
_RESTATED = 0.7
# Number of code points before and after a passage that are also searched for names: "he" in the passage may refer to one.
CONTEXT_CHARACTERS = 300

_DIGITS = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\d])|(?<=[-–/$€£])\d+(?:\.\d+)?")
_SCALES = {"hundred": 100, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12,
           "k": 1e3, "m": 1e6, "mn": 1e6, "bn": 1e9, "lakh": 1e5, "crore": 1e7}  # fmt: skip
_NEXT_WORD = re.compile(r"[\s-]*([A-Za-z]+)")
_MAX_COUNTED = 10
_TEENS = """two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen""".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_NUMBER_WORDS = {word: n for n, word in enumerate(_TEENS, start=2)} | {
    word: 10 * n for n, word in enumerate(_TENS, start=2)
}
_LIST_ITEM = re.compile(r"\s*(?:\(?\d{1,3}[.)](?=\s))?")
_TENS_AND_ONE = re.compile(
    r"\b(twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)[\s-](one|two|three|four|five|six|seven|eight|nine)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+(?:[’'-][^\W\d_]+)*")
_DEMONYM = re.compile(r"(?:ese|ian|ean|ish|an|i|ic|s|'s|’s)$")
_NEGATION = re.compile(r"\b(?:not|no|never|none|neither|nor|nobody|nothing|cannot|without)\b|n[’']t\b", re.IGNORECASE)
_NEGATION_LIKE = re.compile(
    r"\b(?:fail|refus|reject|den[iy]|declin|lack|un(?:able|likely|clear|known|changed|affected|hurt|harmed)|hardly|rarely|barely"
    r"|scarcely|seldom|few|little|only|absen|miss|avoid|prevent|stop|halt|end(?:ed|s)?\b|ceas|instead|rather|ban|block|prohibit"
    r"|forbid|forbad|oppos|against|free\b|exempt|exclud|dis(?:allow|agree|miss)|in(?:ability|sufficient|complete|valid)|non)",
    re.IGNORECASE,
)


_INSTRUCTION = re.compile(
    r"(?:^|[.:;,!?>\])*#\n]|\b(?:and|then|please|to|must|should|shall|now|first|you))[^\S\n]*+"
    r"(?:say|state|claim|answer|reply|respond|tell|write|print|output|repeat|quote|announce|insist|pretend|confirm|cite|declare)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Support:
    """How well a text supports a claim.

    Attributes:
        start: Start of the sentence closest to the claim, as an offset in the text.
        end: End of that sentence, exclusive.
        claim_terms: Stems of the claim's words, except numbers, which are compared by value.
        found_terms: The claim terms that the passage contains.
        sentence_share: Largest share of the claim terms that a single sentence contains, in [0, 1].
        mismatches: Notes on numbers and names that the source lacks, such as "says 30, the source says 20".
        objection: Why the sentence does not support the claim even though it contains most of the claim's words: either
            only one of the two is negated, or the sentence instructs the reader to state the claim. Empty if there is
            no objection.
    """

    start: int
    end: int
    claim_terms: frozenset[str]
    found_terms: frozenset[str]
    sentence_share: float
    mismatches: tuple[str, ...]
    objection: str

    @property
    def share(self) -> float:
        """Share of the claim's words that the passage contains, in [0, 1]."""
        return len(self.found_terms) / len(self.claim_terms) if self.claim_terms else 1.0


def support(claim: str, text: str, start: int, end: int, about: str = "") -> Support:
    """Compares a claim with a passage.

    Args:
        claim: A sentence from an answer, without markers.
        text: The text of the passage's document, or the part of it around the passage.
        start: Start of the passage in `text`.
        end: End of the passage in `text`.
        about: The passage's title, headings, author and date, where known.

    Example:
        >>> found = support("It has 30 members.", "The council has 20 members.", 0, 27)
        >>> found.share, found.mismatches
        (1.0, ('says 30, the source says 20',))
    """
    passage = text[start:end]
    compared = claim_terms(claim)
    first, last = _best_sentence(compared, passage)
    sentence = strip_invisible(passage[first:last])  # invisible characters could hide an instruction from the pattern
    sentence_share = best_sentence_share(compared, passage)
    surroundings = f"{about} {text[max(0, start - CONTEXT_CHARACTERS) : end + CONTEXT_CHARACTERS]}"
    restated = sentence_share >= _RESTATED
    return Support(
        start=start + first,
        end=start + last,
        claim_terms=compared,
        found_terms=compared & set(terms(f"{about} {passage}")),
        sentence_share=sentence_share,
        mismatches=(*dict.fromkeys(_missing_figures(claim, passage, sentence)), *_missing_names(claim, surroundings)),
        objection=(_negation_mismatch(claim, sentence) or _instruction(claim, sentence)) if restated else "",
    )


def claim_terms(claim: str) -> frozenset[str]:
    """Returns the stems of the words in a claim that are compared with a source. Numbers are left out."""
    return frozenset(word for word in terms(claim) if not word[0].isdigit())


def best_sentence_share(claim_terms: frozenset[str], passage: str) -> float:
    """Returns the largest share of a claim's words that a single sentence in a passage contains, in [0, 1]."""
    if not claim_terms:
        return 1.0
    shared = (len(claim_terms & set(terms(passage[start:end]))) for start, end in sentences(passage))
    return max(shared, default=0) / len(claim_terms)


def _best_sentence(claim_terms: frozenset[str], passage: str) -> tuple[int, int]:
    """Returns the span of the sentence that shares the most words with a claim; the first one if there is a tie."""
    spans = sentences(passage) or [(0, len(passage))]
    shared = [len(claim_terms & set(terms(passage[start:end]))) for start, end in spans]
    return spans[shared.index(max(shared))]


def figures(text: str) -> Iterator[tuple[int, int, frozenset[float]]]:
    """Yields each number in a text, whether written in digits or in words, as (start, end, possible values).

    Example:
        >>> [sorted(values) for _, _, values in figures("3.5 million in twenty-one days")]
        [[3.5, 3500000.0], [21.0]]
    """
    parsed = len(_LIST_ITEM.match(text).group())  # type: ignore[union-attr]  # it also matches the empty string
    for match in re.finditer(rf"{_DIGITS.pattern}|[A-Za-z]+", text):
        if match.start() < parsed:
            continue
        word, end = match.group(), match.end()
        if word[0].isdigit():
            value = float(word.replace(",", ""))
        else:
            both = _TENS_AND_ONE.match(text, match.start())
            value = float(_NUMBER_WORDS.get(word.lower(), 0))
            if both:
                ones = {"one": 1}.get(both.group(2).lower()) or _NUMBER_WORDS[both.group(2).lower()]
                value, end = value + ones, both.end()
            if not value:
                continue
        next_word = _NEXT_WORD.match(text, end)
        scale = _SCALES.get(next_word.group(1).lower(), 0) if next_word else 0
        parsed = end
        yield match.start(), end, frozenset({value, value * scale} if scale else {value})


def _missing_figures(claim: str, passage: str, sentence: str) -> Iterator[str]:
    """Yields a note for each number in a claim that is missing from the passage."""
    passage_values = frozenset().union(*(values for _, _, values in figures(passage)))
    claimed = list(figures(claim))
    claimed_values = frozenset().union(*(values for _, _, values in claimed))
    others = [(sentence[a:b], _unit(sentence, a, b)) for a, b, values in figures(sentence) if not values & claimed_values]
    for start, end, values in claimed:
        if values & passage_values:
            continue
        same_unit = {number for number, unit in others if any(unit) and unit == _unit(claim, start, end)}
        if len(same_unit) == 1:
            yield f"says {claim[start:end]}, the source says {same_unit.pop()}"
        elif max(values) > _MAX_COUNTED or claim[start].isdigit():  # "two women" may count women whom the source only lists
            yield f"says {claim[start:end]}, which is not in the source"


def _unit(text: str, start: int, end: int) -> tuple[str, str]:
    """Returns the unit of a number, as (sign before the number, sign or stem of the word after it).

    If the number looks like a year, returns ("year", "").
    """
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    if re.fullmatch(r"1[5-9]\d\d|20\d\d", text[start:end]):
        return "year", ""
    return before if before in "$€£" else "", "%" if after == "%" else _next_word(text, end).replace("percent", "%")


def _next_word(text: str, offset: int) -> str:
    """Returns the stem of the word that follows a number. A scale word is skipped.

    For example, the word that follows the number in "3 million members" is "members".
    """
    match = _NEXT_WORD.match(text, offset)
    if match and match.group(1).lower() in _SCALES:
        match = _NEXT_WORD.match(text, match.end())
    return terms(match.group(1))[0] if match and terms(match.group(1)) else ""


def names(text: str) -> list[str]:
    """Lists the capitalised words that name something.

    The first word of a sentence counts only if it is entirely in capitals or the next word is capitalised too.

    Example:
        >>> names("Vikram Misri met him. The envoy flew to New Delhi.")
        ['Vikram', 'Misri', 'New', 'Delhi']
    """
    found = []
    for start, end in sentences(text):
        words = list(_WORD.finditer(text, start, end))
        for i, match in enumerate(words):
            word = match.group()
            if not word[0].isupper() or word.casefold() in STOP_WORDS or len(word) < 2:
                continue
            follows = words[i + 1].group() if i + 1 < len(words) else ""
            is_first = i == 0 or (i == 1 and not words[0].group()[0].isalpha())
            if is_first and not word.isupper() and (not follows[:1].isupper() or follows.casefold() in STOP_WORDS):
                continue  # capitalised only because it begins the sentence
            found.append(word)
    return found


def _missing_names(claim: str, surroundings: str) -> Iterator[str]:
    """Yields a note on the names in a claim that occur neither in the passage nor near it."""
    present = {_name_stem(match.group()) for match in _WORD.finditer(surroundings)}
    stems = set(terms(surroundings))
    missing = [name for name in dict.fromkeys(names(claim)) if not _is_present(name, present, stems, surroundings)]
    if missing:
        yield f"names {' '.join(missing)}, which is not in the source"


def _is_present(name: str, present: set[str], stems: set[str], surroundings: str) -> bool:
    """Returns whether a text contains a name, possibly in another form or as initials."""
    stem = _name_stem(name)
    if stem in present or set(terms(name)) <= stems or any(part in present for part in re.split(r"[-’']", name.casefold())):
        return True
    if stem[:3] in MONTH_ABBREVIATIONS and any(other[:3] == stem[:3] for other in present):
        return True
    if any(min(len(stem), len(other)) >= 4 and (stem.startswith(other) or other.startswith(stem)) for other in present):
        return True
    return name.isupper() and len(name) <= 6 and _has_initials(name, surroundings)


def _name_stem(word: str) -> str:
    """Returns a name in lower case, without a possessive or demonym ending.

    For example, "Chinese" becomes "chin", and "India’s" becomes "india".
    """
    word = word.casefold()
    shorter = _DEMONYM.sub("", _DEMONYM.sub("", word))
    return shorter if len(shorter) >= 4 else word


def _has_initials(initials: str, text: str) -> bool:
    """Returns whether a text contains consecutive capitalised words with these initials.

    For example, "World Trade Organization" has the initials "WTO".
    """
    capitals = "".join(
        word[0] if word[0].isupper() else " " * (word.casefold() not in STOP_WORDS) for word in _WORD.findall(text)
    )
    return initials in capitals


def _negation_mismatch(claim: str, sentence: str) -> str:
    """Returns a note if the claim is negated and the sentence is not, or vice versa; else ""."""
    if _NEGATION.search(claim) and not _NEGATION.search(sentence) and not _NEGATION_LIKE.search(sentence):
        return "denies what the source affirms"
    if _NEGATION.search(sentence) and not _NEGATION.search(claim) and not _NEGATION_LIKE.search(claim):
        return "leaves out the source’s “not”"
    return ""


def _instruction(claim: str, sentence: str) -> str:
    """Returns a note if the sentence only instructs someone to say the claim ("Tell the reader that …"); else ""."""
    is_instruction = _INSTRUCTION.search(sentence) and not _INSTRUCTION.search(claim)
    return "the source only instructs the reader to say this" if is_instruction else ""
