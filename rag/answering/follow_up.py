"""Uses rules to make a follow-up question stand alone: fills in what "he", "it" or "and in 2023?" refers to.

The result is used for searching, so the right words matter more than correct grammar. A question that already stands alone
is returned unchanged. No model is used: the same follow-up always leads to the same search, there is no delay, and no
document can influence the search.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.records import Turn
from rag.text.dates import MONTHS, WEEKDAYS
from rag.text.terms import STOP_WORDS, terms

_PERSON_PRONOUN = re.compile(r"\b(he|him|his|she|her|hers|himself|herself)\b", re.IGNORECASE)
_PLURAL_PRONOUN = re.compile(r"\b(they|them|their|theirs|themselves|these|those)\b", re.IGNORECASE)
_THING_PRONOUN = re.compile(
    r"\b(it|its|itself)\b"
    r"|\b(this|that)\b(?=\s*(?:[?.!,]|$|is\b|was\b|were\b|are\b|mean|happen|cost|take|work|change|affect|begin|start|end|last|come))"
    r"|(?<=\babout )(this|that)\b",
    re.IGNORECASE,
)
_PLACE_ADVERB = re.compile(
    r"\bthere\b(?!\s+(?:is|are|was|were|be|been|will|any|no|a|an|more|other|still|also)\b)", re.IGNORECASE
)
_EXISTENTIAL = re.compile(r"\b(?:is|are|was|were|be|been|will|do|does)\s+there\b(?!\s*[?.!]?$)", re.IGNORECASE)
_TIME_REFERENCE = re.compile(
    r"\bthen\b(?=\s*[?.!]?$)|\b(?:at|by|since) that time\b|\bthat (?:day|year|month|week)\b", re.IGNORECASE
)
_SAME_REFERENCE = re.compile(r"\b(?:the|that|this) (?:same|latter|former)(?: one)?\b", re.IGNORECASE)
_POSSESSIVE = frozenset("his her hers its their theirs".split())

_OPENER = re.compile(
    r"^(?:ok(?:ay)?|so|well|thanks|thank you|great|hm+|right|yes|no)?[\s,.!]*"
    r"(?:and|but|also|then|or)?[\s,]*(?:what|how)\s+(?:about|of)\s+(?P<about>[^?]+?)\s*\??$"
    r"|^(?:and|also|or|but)[\s,]+(?P<and>[^?]+?)\s*\??$",
    re.IGNORECASE,
)
_BARE_QUESTION_WORD = re.compile(
    r"^(?:and|but|so|ok(?:ay)?)?[\s,]*(?P<word>why(?: not)?|when|where|how|who|whose|whom|which(?: one)?|how (?:much|many|long|old|far|often|big|high)"
    r"|since when|until when|by whom|with whom|for how long|what for|how so|how come|at what (?:time|price|cost))"
    r"(?:\s+(?:is|was|did|does|do|will|would)\s+(?:that|it|this))?\s*(?:exactly|though|then)?\s*[?.!]*$",
    re.IGNORECASE,
)
_MORE = re.compile(
    r"^(?:please\s+)?(?:(?:can|could) you\s+)?(?:tell me more|say more|go on|more(?: details?| about (?:it|this|that|him|her|them))?|continue"
    r"|explain(?: (?:it|this|that))?(?: further)?|elaborate|(?:what|anything|something) else|tell me more about (?:it|this|that|him|her|them)"
    r"|really|are you sure|and|details?)\s*+(?:please\s*+)?[?.!]*+$",
    re.IGNORECASE,
)
_ELSE = re.compile(r"^(?:and\s+)?(who|what|where|when) else\b(?P<rest>[^?]*)\??$", re.IGNORECASE)
_QUESTION_START = re.compile(
    r"^(?:and |but |so )?(?:who|whom|whose|what|which|when|where|why|how|is|are|was|were|do|does|did|can|could|will|would|has|have|had|should"
    r"|may|might|must|name|list|tell|show|give|explain|describe|compare|summari[sz]e)\b",
    re.IGNORECASE,
)
_QUESTION_WORDS = re.compile(
    r"^(?:(?:since|until|by|with|for|to|from|at|in|on) )?(?:who|whom|whose|when|where|why|how (?:much|many|long|old|far|often|big|high|large|tall)"
    r"|how|what|which)\b",
    re.IGNORECASE,
)
_AUXILIARY = re.compile(
    r"^\s*(?:is|are|was|were|do|does|did|can|could|will|would|has|have|had|should|may|might|must)\b", re.IGNORECASE
)
_NAME = re.compile(r"\b[A-Z][\w’'.-]*(?:\s+(?:(?:of|de|van|von|der|al|bin|the|and|for)\s+)?[A-Z][\w’'-]*)*")
_YEAR = re.compile(r"\b(?:1[5-9]\d\d|20\d\d)\b")
_PREPOSITION = re.compile(
    r"^(in|on|at|for|with|from|to|by|under|over|between|after|before|during|of|near|without|about)\s+", re.IGNORECASE
)
# A determiner and the words after it, including a postmodifier: "the footbridge over the Morava".
_PHRASE = re.compile(
    r"\b(?:the|a|an|this|that|these|those|its|their|his|her|our|my|your|any|each|every|some|all)\s+(?P<words>[\w’'-]+(?:\s+[\w’'-]+){0,5})",
    re.IGNORECASE,
)
_TITLES = "mr mrs ms dr prof sir lady lord president minister secretary director curator engineer chair captain grandmaster".split()
_CALENDAR = frozenset(name.lower() for name in (*WEEKDAYS, *MONTHS))
# Words that end a noun phrase in a question, mostly frequent verbs.
_VERBS = frozenset(
    """sail sails cost costs take takes say says said happen happens return returns open opens close closes closed win wins won
    beat beats begin begins start starts end ends move moves hold holds keep keeps sell sells buy pay pays give gives get gets
    need needs use uses work works live lives die dies kill kills hurt cause causes affect affects apply applies mean means
    plan plans build builds built employ employs supply supplies stay stays last lasts come comes go goes run runs write wrote
    publish report announce announced raise raised discuss discussed meet met visit visited agree agreed deny denied claim
    think know find found show shows tell called call ask asked want wants make makes made become became fall falls fell
    rise rises rose lose lost stand stands lie lies belong contain contains include includes consist finish finished play
    plays let lets gave give stop stops stopped change changed become break broke bring brought send sent allow allowed
    object objects support oppose decide vote promise propose suggest recommend warn argue believe expect hope offer accept
    refuse reject sign lead own owns teach study eat drink drive fly travel arrive leave reach grow increase decrease protect
    help save share serve measure weigh forbid forbids mention mentioned describe described feed graze come produce produces yield celebrate look like""".split()
)
_PEOPLE = frozenset(
    """man woman boy girl person people minister secretary president director curator engineer chair captain author writer
    player players winner teacher doctor owner mayor king queen prince princess spokesman spokeswoman official ambassador envoy
    grandmaster inventor founder scientist researcher singer actor actress manager boss chief officer""".split()
)


def standalone(question: str, history: Sequence[Turn]) -> str:
    """Returns the question with its references to the conversation filled in.

    Args:
        question: The follow-up question.
        history: Earlier exchanges, most recent last.

    Example:
        >>> standalone("When was it closed?", [Turn("Where is the footbridge over the Morava?", "At Lednice.")])
        'When was the footbridge over the Morava closed?'
    """
    question = question.strip()
    if not history or len(question) > MAX_CHARACTERS:  # a longer question says itself what it is about
        return question
    *before, last = history
    last = Turn(last.question[:MAX_CHARACTERS], last.answer[:MAX_CHARACTERS])
    previous = standalone(last.question, before[-_MAX_TURNS:])[:MAX_CHARACTERS]
    if resolved := _complete_ellipsis(question, previous):
        return resolved
    resolved = _resolve_references(question, previous, last.answer)
    if resolved == question and _takes_up_noun(question, previous, last.answer):
        topic = _thing_referent(previous, last.answer)
        if topic and not set(terms(topic)) <= set(terms(question)):
            resolved = f"{question.rstrip(' ?.!')} ({topic})?"
    return resolved


MAX_CHARACTERS = 2_000  # maximum number of code points examined in a question or answer
_MAX_TURNS = 4  # maximum number of exchanges that a reference may go back


def _complete_ellipsis(question: str, previous: str) -> str:
    """Completes an incomplete follow-up using the previous question; returns "" if it is already a complete question."""
    if _MORE.match(question):
        return previous
    if bare := _BARE_QUESTION_WORD.match(question):
        return _with_question_word(bare["word"], previous)
    if other := _ELSE.match(question):
        if other["rest"].strip():
            return ""
        rest = other["rest"] or f" {_without_question_word(previous)}"
        return f"{other.group(1).capitalize()} else{rest}?"
    opened = _OPENER.match(question)
    if opened:
        new = (opened["about"] or opened["and"] or "").strip()
        if not _QUESTION_START.match(new) and not _has_reference(new):
            return _substituted(new, previous)
        if opened["and"] and _QUESTION_WORDS.match(new) and not _has_verb(new):
            return f"{previous.rstrip(' ?.!')}: {new}?"
    return ""


def _has_verb(question: str) -> bool:
    """Returns whether a question contains a verb."""
    words = re.findall(r"[\w’'-]+", question.casefold())
    return any(word in _VERBS or _AUXILIARY.match(word) or word.endswith("ed") for word in words[1:])


def _with_question_word(word: str, previous: str) -> str:
    """Puts a new question word into the previous question: "Why?" turns "When did it close?" into "Why did it close?"."""
    start = _QUESTION_WORDS.match(previous)
    word = word[0].upper() + word[1:]
    if start and _AUXILIARY.match(previous[start.end() :]):
        return word + previous[start.end() :]
    return f"{word}: {previous}"


def _without_question_word(previous: str) -> str:
    start = _QUESTION_WORDS.match(previous)
    return previous[start.end() :].strip(" ?") if start else previous.strip(" ?")


def _substituted(new: str, previous: str) -> str:
    """Replaces the corresponding part of the previous question with a new phrase.

    If no part of the question corresponds to the phrase, appends the phrase.
    """
    base = previous.rstrip(" ?.!")
    if preposition := _PREPOSITION.match(new):
        return _with_prepositional(new, base, preposition.group(1))
    years = list(_YEAR.finditer(base))
    if _YEAR.fullmatch(new) and years:
        return f"{base[: years[-1].start()]}{new}{base[years[-1].end() :]}?"
    named = [m for m in _NAME.finditer(base) if m.start() > 0 and m.group().lower() not in _CALENDAR]
    shared = _shared_phrase(new, base)
    if shared and not (_NAME.match(new) and named):
        return f"{base[: shared[0]]}{new}{base[shared[1] :]}?"
    if _NAME.match(re.sub(r"^(?:the|a|an)\s+", "", new)) and named:
        start = named[-1].start()
        if re.match(r"the\s", new, re.IGNORECASE) and base[:start].lower().endswith("the "):
            start -= 4
        return f"{base[:start]}{new}{base[named[-1].end() :]}?"
    phrases = _noun_phrases(base)
    if phrases and _PHRASE.match(new):
        start, end = phrases[-1]
        return f"{base[:start]}{new}{base[end:]}?"
    return f"{base}: {new}?"


def _with_prepositional(new: str, base: str, preposition: str) -> str:
    """Adds a new phrase that begins with a preposition to the previous question.

    If both contain a year, the phrase replaces the year in the question. Otherwise, it replaces a phrase with the same
    preposition at the end of the question or, if there is none, is appended.
    """
    years = list(_YEAR.finditer(base)) if _YEAR.search(new) else []
    if years:
        lead = re.search(r"\b(?:in|of|since|by|from|until)\s*$", base[: years[-1].start()], re.IGNORECASE)
        start = lead.start() if lead else years[-1].start()
        return f"{base[:start]}{new}{base[years[-1].end() :]}?"
    same = re.search(rf"\b{preposition}\s+(?:the\s+|a\s+)?[\w’'-]+(?:\s+[A-Z][\w’'-]*)*$", base, re.IGNORECASE)
    if same and same.start() > 8:
        return f"{base[: same.start()]}{new}?"
    return f"{base} {new}?"


def _shared_phrase(new: str, base: str) -> tuple[int, int] | None:
    """Returns the span of the first noun phrase in the question that has a word in common with the phrase `new`."""
    words = set(terms(new))
    return next(((a, b) for a, b in _noun_phrases(base) if words & set(terms(base[a:b]))), None)


def _noun_phrases(text: str) -> list[tuple[int, int]]:
    """Returns the spans of noun phrases with a determiner, as far as they can be recognised without a parser."""
    found: list[tuple[int, int]] = []
    offset = 0
    while match := _PHRASE.search(text, offset):
        end = _noun_phrase_end(text, match.start("words"), match.end("words"))
        offset = max(end, match.start("words") + 1)
        if end > match.start("words"):
            found.append((match.start(), end))
    return found


def _noun_phrase_end(text: str, start: int, limit: int) -> int:
    """Returns the end of the noun phrase that begins at `start`, including a modifier such as "of the Morava"."""
    end = start
    words = list(re.finditer(r"[\w’'-]+", text[start:limit]))
    for i, word in enumerate(words):
        folded = word.group().casefold()
        if folded in STOP_WORDS or folded in _PREPOSITIONS or (folded in _VERBS and i > 0):
            break
        if i > 0 and folded.endswith(("ed", "ing")) and not word.group()[0].isupper():
            break
        end = start + word.end()
    following = _POSTMODIFIER.match(text, end) if end > start else None
    return following.end() if following else end


# Prepositional phrases after a noun: "of the Morava", "on the opera of Arenzano", "at Lednice".
_POSTMODIFIER = re.compile(
    r"(?:\s+(?:of|over|at|in|on|between|for|from)\s+(?:(?:the|an?)\s+[\w’'-]+|(?<=of\s)[\w’'-]+|[A-Z][\w’'-]*)(?:\s+(?:and\s+)?[A-Z][\w’'-]*)*){1,2}"
)
_PREPOSITIONS = frozenset(
    "in on at for with from to by under over between after before during of near without about into onto".split()
)


def _has_reference(text: str) -> bool:
    """Returns whether a text contains a word that refers to something mentioned earlier."""
    patterns = (_PERSON_PRONOUN, _PLURAL_PRONOUN, _THING_PRONOUN, _SAME_REFERENCE, _TIME_REFERENCE)
    return any(pattern.search(text) for pattern in patterns) or _refers_to_place(text)


def _refers_to_place(text: str) -> bool:
    """Returns whether a text uses "there" to refer to a place, rather than in a phrase such as "is there"."""
    return bool(_PLACE_ADVERB.search(text) and not _EXISTENTIAL.search(text))


def _resolve_references(question: str, previous: str, answer: str) -> str:
    """Replaces the pronouns and adverbs in a question with what they refer to."""
    question = (
        re.sub(r"^(?:and|but|so|ok(?:ay)?)[\s,]+(?=\w+\s)", "", question, flags=re.IGNORECASE)
        if _has_reference(question)
        else question
    )
    resolved = question
    if _PERSON_PRONOUN.search(resolved):
        resolved = _replace_reference(_PERSON_PRONOUN, resolved, _person_referent(previous, answer))
    if _PLURAL_PRONOUN.search(resolved):
        resolved = _replace_reference(_PLURAL_PRONOUN, resolved, _plural_referent(previous, answer))
    if _THING_PRONOUN.search(resolved):
        resolved = _replace_reference(_THING_PRONOUN, resolved, _thing_referent(previous, answer))
    if _SAME_REFERENCE.search(resolved):
        resolved = _replace_reference(_SAME_REFERENCE, resolved, _thing_referent(previous, answer))
    if _refers_to_place(resolved):
        place = _place_referent(previous, answer)
        resolved = _replace_reference(_PLACE_ADVERB, resolved, f"in {place}" if place else "")
    if _TIME_REFERENCE.search(resolved):
        when = _YEAR.findall(answer) or _YEAR.findall(previous)
        resolved = _replace_reference(_TIME_REFERENCE, resolved, f"in {when[0]}" if when else "")
    return resolved[0].upper() + resolved[1:] if resolved else question


def _replace_reference(pronoun: re.Pattern[str], question: str, referent: str) -> str:
    """Replaces the first matching pronoun with its referent. Later pronouns are kept, and refer to the inserted words."""
    if not referent:
        return question
    match = pronoun.search(question)
    assert match
    word = match.group().casefold()
    # "her" is not possessive if no word follows it: "Who met her?"
    is_possessive = word in _POSSESSIVE and not (word == "her" and not re.match(r"\s+[a-z]", question[match.end() :]))
    referent = (
        referent + ("’" if referent.endswith("s") and pronoun is _PLURAL_PRONOUN else "’s") if is_possessive else referent
    )
    return question[: match.start()] + referent + question[match.end() :]


def _person_referent(previous: str, answer: str) -> str:
    """Returns the person that "he" or "she" refers to.

    This is a person named in the last exchange or, if no one is named, a description such as "the director".
    """
    people = [name for name in _proper_names(previous) if _is_person(name, previous)]
    if re.match(r"(?:who|whose|whom|which)\b", previous, re.IGNORECASE):  # the answer names the person
        people = [name for name in _proper_names(answer) if _is_person(name, answer) and name not in previous][:1] + people
        if people:
            return people[0]
    if people:
        return people[-1]
    described = [previous[a:b] for a, b in _noun_phrases(previous) if _head_noun(previous[a:b]) in _PEOPLE]
    answered = [name for name in _proper_names(answer) if _is_person(name, answer)]
    return (answered or described or _proper_names(previous)[-1:] or [""])[0]


def _plural_referent(previous: str, answer: str) -> str:
    """Returns what "they" refers to."""
    phrases = [previous[a:b] for a, b in _noun_phrases(previous)]
    plural = [phrase for phrase in phrases if _head_noun(phrase).endswith("s")]
    counted = re.findall(r"\bhow many ([\w’'-]+(?: [\w’'-]+)?)\b", previous, re.IGNORECASE)
    counted = [re.sub(rf"\s(?:{_FUNCTION_WORDS})$", "", words) for words in counted]
    people = [name for text in (answer, previous) for name in _proper_names(text) if _is_person(name, text)]
    together = [" and ".join(dict.fromkeys(people))] if len(set(people)) > 1 else []
    return (
        plural or counted or together or _proper_names(previous)[-1:] or phrases[-1:] or _proper_names(answer)[:1] or [""]
    )[0]


def _head_noun(phrase: str) -> str:
    """Returns the head noun of a phrase: "footbridge" in "the footbridge over the Morava"."""
    return re.split(r"\s(?:of|over|at|in|on|between|for|from)\s", phrase)[0].split()[-1].casefold()


_FUNCTION_WORDS = "is|are|was|were|do|does|did|can|could|will|would|has|have|had|in|on|at|of|for"


def _thing_referent(previous: str, answer: str) -> str:
    """Returns what "it" refers to: the thing that the previous question is about, as a description or a name."""
    phrases = _noun_phrases(previous)
    things = [previous[a:b] for a, b in phrases if _head_noun(previous[a:b]) not in _PEOPLE]
    names = [name for name in _proper_names(previous) if not _is_person(name, previous)]
    loose = [name for name in names if not any(name in thing for thing in things)]
    if things:
        if _is_plural(_head_noun(things[0])) and (of := re.search(r"\sof\s(.+)", things[0])):
            return of.group(1)  # "it" is singular, so it means aspirin in "the side effects of aspirin"
        return _as_definite(things[0] if len(things) == 1 or _has_name(things[0]) else max(things, key=_has_name))
    if loose:
        return loose[-1]
    if bare := _bare_noun_phrase(previous):
        return bare
    of_answer = [answer[a:b] for a, b in _noun_phrases(answer)]
    return (_proper_names(previous)[-1:] or [_as_definite(p) for p in of_answer[:1]] or _proper_names(answer)[:1] or [""])[
        0
    ]


def _is_plural(noun: str) -> bool:
    return noun.endswith("s") and not noun.endswith(("ss", "us", "is"))


def _bare_noun_phrase(previous: str) -> str:
    """Returns the subject of a question that has no names or determiners, such as "How does photosynthesis work?"."""
    start = _QUESTION_WORDS.match(previous)
    words = re.findall(r"[\w’'-]+", previous[start.end() :] if start else "")
    run: list[str] = []
    for word in words:
        if word.casefold() in STOP_WORDS or word.casefold() in _VERBS or word.casefold() in _PREPOSITIONS:
            if run:
                break
            continue
        run.append(word)
    return " ".join(run)


def _has_name(phrase: str) -> bool:
    return bool(_NAME.search(phrase))


def _as_definite(phrase: str) -> str:
    """Makes a phrase definite: "a cabin" → "the cabin"."""
    return re.sub(r"^(?:an?|any|some|this|that)\s", "the ", phrase, flags=re.IGNORECASE)


def _place_referent(previous: str, answer: str) -> str:
    """Returns the place that "there" refers to."""
    for text in (answer, previous):
        found = re.findall(r"\b(?:in|at|to|from|on|of|near)\s+((?:the\s+)?[A-Z][\w’'-]*(?:\s+[A-Z][\w’'-]*)*)", text)
        found = [place for place in found if place.casefold() not in _CALENDAR]
        if found:
            return str(found[0])
    names = _proper_names(previous) or _proper_names(answer)
    return names[-1] if names else ""


def _proper_names(text: str) -> list[str]:
    """Lists the proper names in a text, except words that are capitalised only because they begin a sentence."""
    found = []
    for match in _NAME.finditer(text):
        name, offset = match.group(), match.start()
        words = name.split()
        while words and (words[0].casefold() in STOP_WORDS or words[0].casefold().strip(".") in _CALENDAR):
            words = words[1:]
        begins_sentence = offset == 0 or text[:offset].rstrip()[-1:] in '.!?:“"'
        if begins_sentence and len(words) == 1 and len(name.split()) == 1 and _QUESTION_START.match(words[0]):
            continue
        if words:
            found.append(" ".join(words).rstrip(".,’'"))
    return list(dict.fromkeys(found))


def _is_person(name: str, text: str) -> bool:
    """Returns whether a name looks like a person's.

    Such a name has two or three words, or a title, and does not follow "in", "at", "the" or a similar word.
    """
    words = name.split()
    offset = text.find(name)
    before = text[:offset].split()[-1:] or [""]
    if before[0].casefold().strip(",") in _PREPOSITIONS - {"with", "by", "from", "for", "about", "to", "of"}:
        return False
    if before[0].casefold() == "the":
        return False
    if any(word.casefold().strip(".") in _TITLES for word in words[:-1]):
        return True
    return 2 <= len(words) <= 3 and all(word.isalpha() or "-" in word or "." in word for word in words)


def _takes_up_noun(question: str, previous: str, answer: str) -> bool:
    """Returns whether a question uses a definite noun phrase to refer to something in the last exchange.

    An example is "What does the prize pay for?". Questions that contain names or digits are not considered.
    """
    if _proper_names(question) or any(character.isdigit() for character in question):
        return False
    definite_words = {
        word
        for a, b in _noun_phrases(question)
        if question[a:b].lower().startswith("the ")
        for word in terms(question[a:b])
    }
    return bool(definite_words & (set(terms(previous)) | set(terms(answer))))
