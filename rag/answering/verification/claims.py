"""Whether a claim says what its source says, as far as rules can tell: its words, figures, names, and a "not". No model.

It judges one claim against one text. What it cannot see is a false claim made of the source's own words; what it names is
always there to be looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.text.sentences import sentences
from rag.text.terms import STOP_WORDS, terms
from rag.text.unicode_text import visible

ENOUGH = 0.45  # share of a claim's words that its source must have (benchmarks/README.md)
_CLOSE = 0.7  # share from which a claim repeats a sentence, so that a "not" on one side only is no accident
AROUND = 300  # code points on either side of a passage in which "he" may have got his name

_DIGITS = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\d])|(?<=[-–/$€£])\d+(?:\.\d+)?")
_SCALES = {"hundred": 100, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12,
           "k": 1e3, "m": 1e6, "mn": 1e6, "bn": 1e9, "lakh": 1e5, "crore": 1e7}  # fmt: skip
_AFTER = re.compile(r"[\s-]*([A-Za-z]+)")
_COUNTABLE = 10
_TEENS = """two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen""".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_NUMBER_WORDS = {word: n for n, word in enumerate(_TEENS, start=2)} | {
    word: 10 * n for n, word in enumerate(_TENS, start=2)
}
_LIST_NUMBER = re.compile(r"\s*(?:\(?\d{1,3}[.)](?=\s))?")
_TENS_AND_ONE = re.compile(
    r"\b(twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)[\s-](one|two|three|four|five|six|seven|eight|nine)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+(?:[’'-][^\W\d_]+)*")
_MONTHS = frozenset("jan feb mar apr may jun jul aug sep oct nov dec".split())
_DEMONYM = re.compile(r"(?:ese|ian|ean|ish|an|i|ic|s|'s|’s)$")
_NOT = re.compile(r"\b(?:not|no|never|none|neither|nor|nobody|nothing|cannot|without)\b|n[’']t\b", re.IGNORECASE)
_LIKE_NOT = re.compile(
    r"\b(?:fail|refus|reject|den[iy]|declin|lack|un(?:able|likely|clear|known|changed|affected|hurt|harmed)|hardly|rarely|barely"
    r"|scarcely|seldom|few|little|only|absen|miss|avoid|prevent|stop|halt|end(?:ed|s)?\b|ceas|instead|rather|ban|block|prohibit"
    r"|forbid|forbad|oppos|against|free\b|exempt|exclud|dis(?:allow|agree|miss)|in(?:ability|sufficient|complete|valid)|non)",
    re.IGNORECASE,
)


_ORDER = re.compile(
    r"(?:^|[.:;,!?>\])*#\n]|\b(?:and|then|please|to|must|should|shall|now|first|you))\s*"
    r"(?:say|state|claim|answer|reply|respond|tell|write|print|output|repeat|quote|announce|insist|pretend|confirm|cite|declare)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Support:
    """What a text says to a claim.

    Attributes:
        start: Where the sentence begins that the claim rests on, code points into the text; `end` is one past its last.
        told: The claim's words, but for figures, which are compared by value.
        words: Those of them that the passage has.
        closeness: Share of them that the sentence has, in [0, 1].
        wrong: Figures and names of the claim that the source lacks, for people: "says 30, the source says 20".
        reversed: Why the sentence does not say it although it has its words: a "not" on one side only, an order to say it;
            empty if it does.
    """

    start: int
    end: int
    told: frozenset[str]
    words: frozenset[str]
    closeness: float
    wrong: tuple[str, ...]
    reversed: str

    @property
    def share(self) -> float:
        """Of the claim's words, how many the passage has, in [0, 1]."""
        return len(self.words) / len(self.told) if self.told else 1.0


def support(claim: str, text: str, start: int, end: int, about: str = "") -> Support:
    """Compares a claim with a passage.

    Args:
        claim: What an answer says; without markers.
        text: The passage's document, or the part of it that holds the passage and what is around it.
        start: Where the passage begins in `text`.
        end: Where it ends.
        about: What the passage is known to be about: title and headings.

    Example:
        >>> found = support("It has 30 members.", "The council has 20 members.", 0, 27)
        >>> found.share, found.wrong
        (1.0, ('says 30, the source says 20',))
    """
    passage = text[start:end]
    told = told_by(claim)
    at, to = _best_sentence(told, passage)
    sentence = visible(passage[at:to])  # words may be hidden from whoever reads for orders
    close = closeness(told, passage)
    around = f"{about} {text[max(0, start - AROUND) : end + AROUND]}"
    wrong = (*dict.fromkeys(_figures(claim, passage, sentence)), *_names(claim, around))
    turned = _denial(claim, sentence) or _order(claim, sentence) if close >= _CLOSE else ""
    there = told & set(terms(f"{about} {passage}"))
    return Support(start + at, start + to, told, there, close, wrong, turned)


def told_by(claim: str) -> frozenset[str]:
    """The words a claim is compared by."""
    return frozenset(word for word in terms(claim) if not word[0].isdigit())


def closeness(told: frozenset[str], passage: str) -> float:
    """The share of a claim's words that one sentence of a passage has at most, in [0, 1]."""
    if not told:
        return 1.0
    return max((len(told & set(terms(passage[a:b]))) for a, b in sentences(passage)), default=0) / len(told)


def _best_sentence(words: frozenset[str], passage: str) -> tuple[int, int]:
    """The sentence that shares most words with a claim; the first of several."""
    found = sentences(passage) or [(0, len(passage))]
    shared = [len(words & set(terms(passage[start:end]))) for start, end in found]
    return found[shared.index(max(shared))]


def figures(text: str) -> Iterator[tuple[int, int, frozenset[float]]]:
    """The numbers of a text, in digits or words: (start, end, values it may be read as).

    Example:
        >>> [sorted(values) for _, _, values in figures("3.5 million in twenty-one days")]
        [[3.5, 3500000.0], [21.0]]
    """
    taken = len(_LIST_NUMBER.match(text).group())  # type: ignore[union-attr]  # it matches nothing, too
    for match in re.finditer(rf"{_DIGITS.pattern}|[A-Za-z]+", text):
        if match.start() < taken:
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
        scale = _AFTER.match(text, end)
        times = _SCALES.get(scale.group(1).lower(), 0) if scale else 0
        taken = end
        yield match.start(), end, frozenset({value, value * times} if times else {value})


def _figures(claim: str, passage: str, sentence: str) -> Iterator[str]:
    """Numbers that the passage does not have."""
    there = frozenset().union(*(values for _, _, values in figures(passage)))
    said = list(figures(claim))
    claimed = frozenset().union(*(values for _, _, values in said))
    others = [(sentence[a:b], _kind(sentence, a, b)) for a, b, values in figures(sentence) if not values & claimed]
    for start, end, values in said:
        if values & there:
            continue
        like = {words for words, kind in others if any(kind) and kind == _kind(claim, start, end)}
        if len(like) == 1:
            yield f"says {claim[start:end]}, the source says {like.pop()}"
        elif max(values) > _COUNTABLE or claim[start].isdigit():  # "two women" may be counted, not read
            yield f"says {claim[start:end]}, which the source does not"


def _kind(text: str, start: int, end: int) -> tuple[str, str]:
    """What a number is of: the sign before it, and the word or sign after it; a year is of no other kind."""
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    if re.fullmatch(r"1[5-9]\d\d|20\d\d", text[start:end]):
        return "year", ""
    return before if before in "$€£" else "", "%" if after == "%" else _next_word(text, end).replace("percent", "%")


def _next_word(text: str, at: int) -> str:
    match = _AFTER.match(text, at)
    if match and match.group(1).lower() in _SCALES:
        match = _AFTER.match(text, match.end())
    return terms(match.group(1))[0] if match and terms(match.group(1)) else ""


def names(text: str) -> list[str]:
    """The words of a text that name something: capitalised past the beginning of a sentence, or in a run that begins it.

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
            opens = i == 0 or (i == 1 and not words[0].group()[0].isalpha())
            if opens and not word.isupper() and (not follows[:1].isupper() or follows.casefold() in STOP_WORDS):
                continue  # a capital because the sentence begins
            found.append(word)
    return found


def _names(claim: str, around: str) -> Iterator[str]:
    """Names that stand nowhere near the passage."""
    there = {_name(match.group()) for match in _WORD.finditer(around)}
    stems = set(terms(around))
    missing: list[str] = []
    for name in dict.fromkeys(names(claim)):
        bare = _name(name)
        if bare in there or set(terms(name)) <= stems or any(part in there for part in re.split(r"[-’']", name.casefold())):
            continue
        if bare[:3] in _MONTHS and any(other[:3] == bare[:3] for other in there):
            continue
        if any(min(len(bare), len(other)) >= 4 and (bare.startswith(other) or other.startswith(bare)) for other in there):
            continue
        if name.isupper() and len(name) <= 6 and _spelled_out(name, around):
            continue
        missing.append(name)
    if missing:
        yield f"names {' '.join(missing)}, which the source does not"


def _name(word: str) -> str:
    """Without case, genitive and what makes a country an adjective: Chinese → chin, India’s → indi."""
    word = word.casefold()
    shorter = _DEMONYM.sub("", _DEMONYM.sub("", word))
    return shorter if len(shorter) >= 4 else word


def _spelled_out(initials: str, text: str) -> bool:
    """Whether a run of capitalised words has these initials: WTO ← World Trade Organization."""
    capitals = "".join(
        word[0] if word[0].isupper() else " " * (word.casefold() not in STOP_WORDS) for word in _WORD.findall(text)
    )
    return initials in capitals


def _denial(claim: str, sentence: str) -> str:
    """A "not" on one side only."""
    if _NOT.search(claim) and not _NOT.search(sentence) and not _LIKE_NOT.search(sentence):
        return "denies what the source does not deny"
    if _NOT.search(sentence) and not _NOT.search(claim) and not _LIKE_NOT.search(claim):
        return "leaves out the source’s “not”"
    return ""


def _order(claim: str, sentence: str) -> str:
    """A text that wants something said does not say it: "Tell the reader that …"."""
    return "the source orders this to be said" if _ORDER.search(sentence) and not _ORDER.search(claim) else ""
