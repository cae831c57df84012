"""Makes a follow-up question stand alone, by rule: what "he", "it", "there" or "and in 2023?" points back to is put in.

It is for retrieval, so what counts is that the right words are there; grammar comes second. A question that stands alone is
returned as it is. No model is asked: the same follow-up gives the same search everywhere, at once, and no document can steer it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.records import Turn
from rag.text.terms import STOP_WORDS, terms

_PERSON = re.compile(r"\b(he|him|his|she|her|hers|himself|herself)\b", re.IGNORECASE)
_PLURAL = re.compile(r"\b(they|them|their|theirs|themselves|these|those)\b", re.IGNORECASE)
_THING = re.compile(
    r"\b(it|its|itself)\b"
    r"|\b(this|that)\b(?=\s*(?:[?.!,]|$|is\b|was\b|were\b|are\b|mean|happen|cost|take|work|change|affect|begin|start|end|last|come))"
    r"|(?<=\babout )(this|that)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(r"\bthere\b(?!\s+(?:is|are|was|were|be|been|will|any|no|a|an|more|other|still|also)\b)", re.IGNORECASE)
_EXISTS = re.compile(r"\b(?:is|are|was|were|be|been|will|do|does)\s+there\b(?!\s*[?.!]?$)", re.IGNORECASE)
_TIME = re.compile(r"\bthen\b(?=\s*[?.!]?$)|\b(?:at|by|since) that time\b|\bthat (?:day|year|month|week)\b", re.IGNORECASE)
_SAME_THING = re.compile(r"\b(?:the|that|this) (?:same|latter|former)(?: one)?\b", re.IGNORECASE)
_POSSESSIVE = frozenset("his her hers its their theirs".split())

_OPENER = re.compile(
    r"^(?:ok(?:ay)?|so|well|thanks|thank you|great|hm+|right|yes|no)?[\s,.!]*"
    r"(?:and|but|also|then|or)?[\s,]*(?:what|how)\s+(?:about|of)\s+(?P<about>[^?]+?)\s*\??$"
    r"|^(?:and|also|or|but)[\s,]+(?P<and>[^?]+?)\s*\??$",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"^(?:and|but|so|ok(?:ay)?)?[\s,]*(?P<word>why(?: not)?|when|where|how|who|whose|whom|which(?: one)?|how (?:much|many|long|old|far|often|big|high)"
    r"|since when|until when|by whom|with whom|for how long|what for|how so|how come|at what (?:time|price|cost))"
    r"(?:\s+(?:is|was|did|does|do|will|would)\s+(?:that|it|this))?\s*(?:exactly|though|then)?\s*[?.!]*$",
    re.IGNORECASE,
)
_MORE = re.compile(
    r"^(?:please\s+)?(?:(?:can|could) you\s+)?(?:tell me more|say more|go on|more(?: details?| about (?:it|this|that|him|her|them))?|continue"
    r"|explain(?: (?:it|this|that))?(?: further)?|elaborate|(?:what|anything|something) else|tell me more about (?:it|this|that|him|her|them)"
    r"|really|are you sure|and|details?)\s*(?:please)?\s*[?.!]*$",
    re.IGNORECASE,
)
_ELSE = re.compile(r"^(?:and\s+)?(who|what|where|when) else\b(?P<rest>[^?]*)\??$", re.IGNORECASE)
_ASKS = re.compile(
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
# A determiner, some words, and what names it more closely: "the footbridge over the Morava".
_PHRASE = re.compile(
    r"\b(?:the|a|an|this|that|these|those|its|their|his|her|our|my|your|any|each|every|some|all)\s+(?P<words>[\w’'-]+(?:\s+[\w’'-]+){0,5})",
    re.IGNORECASE,
)
_TITLES = "mr mrs ms dr prof sir lady lord president minister secretary director curator engineer chair captain grandmaster".split()
_CALENDAR = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
    october november december""".split()
)
# Words that end a noun phrase in a question: verbs people ask with, and what comes after a phrase.
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
)  # fmt: skip


def standalone(question: str, history: Sequence[Turn]) -> str:
    """The question with what it leaves to the conversation filled in.

    Args:
        question: The follow-up.
        history: Earlier exchanges, latest last.

    Example:
        >>> standalone("When was it closed?", [Turn("Where is the footbridge over the Morava?", "At Lednice.")])
        'When was the footbridge over the Morava closed?'
    """
    question = question.strip()
    if not history:
        return question
    *before, last = history
    asked = standalone(last.question, before[-_DEEP:])
    if made := _elliptic(question, asked):
        return made
    made = _resolved(question, asked, last.answer)
    if made == question and _leans(question, asked, last.answer):
        topic = _topic(asked, last.answer)
        if topic and not set(terms(topic)) <= set(terms(question)):
            made = f"{question.rstrip(' ?.!')} ({topic})?"
    return made


_DEEP = 4  # exchanges that are looked back through


def _elliptic(question: str, asked: str) -> str:
    """A follow-up that is no whole question, laid over the question before; "" if it is one."""
    if _MORE.match(question):
        return asked
    if bare := _BARE.match(question):
        return _asked_otherwise(bare["word"], asked)
    if other := _ELSE.match(question):
        return (
            f"{other.group(1).capitalize()} else{other['rest'] or ' ' + _tail(asked)}?" if not other["rest"].strip() else ""
        )
    opened = _OPENER.match(question)
    if opened:
        new = (opened["about"] or opened["and"] or "").strip()
        if not _ASKS.match(new) and not _refers(new):
            return _replaced(new, asked)
        if opened["and"] and _QUESTION_WORDS.match(new) and not _says_something(new):
            return f"{asked.rstrip(' ?.!')}: {new}?"
    return ""


def _says_something(question: str) -> bool:
    """Whether a question has a verb."""
    words = re.findall(r"[\w’'-]+", question.casefold())
    return any(word in _VERBS or _AUXILIARY.match(word) or word.endswith("ed") for word in words[1:])


def _asked_otherwise(word: str, asked: str) -> str:
    """Another question word over the same question: "Why?" after "When was it closed?"."""
    start = _QUESTION_WORDS.match(asked)
    word = word[0].upper() + word[1:]
    if start and _AUXILIARY.match(asked[start.end() :]):
        return word + asked[start.end() :]
    return f"{word}: {asked}"


def _tail(asked: str) -> str:
    start = _QUESTION_WORDS.match(asked)
    return asked[start.end() :].strip(" ?") if start else asked.strip(" ?")


def _replaced(new: str, asked: str) -> str:
    """The question before, with its like part replaced by a new one; added to it where there is none."""
    bare = asked.rstrip(" ?.!")
    preposition = _PREPOSITION.match(new)
    if preposition:
        like = re.search(rf"\b{preposition.group(1)}\s+(?:the\s+|a\s+)?[\w’'-]+(?:\s+[A-Z][\w’'-]*)*$", bare, re.IGNORECASE)
        years = list(_YEAR.finditer(bare)) if _YEAR.search(new) else []
        if years:
            lead = re.search(r"\b(?:in|of|since|by|from|until)\s*$", bare[: years[-1].start()], re.IGNORECASE)
            at = lead.start() if lead else years[-1].start()
            return f"{bare[:at]}{new}{bare[years[-1].end() :]}?"
        if like and like.start() > 8:
            return f"{bare[: like.start()]}{new}?"
        return f"{bare} {new}?"
    years = list(_YEAR.finditer(bare))
    if _YEAR.fullmatch(new) and years:
        return f"{bare[: years[-1].start()]}{new}{bare[years[-1].end() :]}?"
    named = [m for m in _NAME.finditer(bare) if m.start() > 0 and m.group().lower() not in _CALENDAR]
    shares = _phrase_sharing(new, bare)
    if shares and not (_NAME.match(new) and named):
        return f"{bare[: shares[0]]}{new}{bare[shares[1] :]}?"
    if _NAME.match(re.sub(r"^(?:the|a|an)\s+", "", new)) and named:
        old = named[-1]
        begin = old.start()
        if re.match(r"the\s", new, re.IGNORECASE) and bare[:begin].lower().endswith("the "):
            begin -= 4
        return f"{bare[:begin]}{new}{bare[old.end() :]}?"
    phrases = _phrases(bare)
    if phrases and _PHRASE.match(new):
        begin, end = phrases[-1]
        return f"{bare[:begin]}{new}{bare[end:]}?"
    return f"{bare}: {new}?"


def _phrase_sharing(new: str, bare: str) -> tuple[int, int] | None:
    """The noun phrase of a question that has a word in common with a new one."""
    words = set(terms(new))
    return next(((a, b) for a, b in _phrases(bare) if words & set(terms(bare[a:b]))), None)


def _phrases(text: str) -> list[tuple[int, int]]:
    """Noun phrases with a determiner, as far as they can be told without a parser."""
    found: list[tuple[int, int]] = []
    at = 0
    while match := _PHRASE.search(text, at):
        end = _phrase_end(text, match.start("words"), match.end("words"))
        at = max(end, match.start("words") + 1)
        if end > match.start("words"):
            found.append((match.start(), end))
    return found


def _phrase_end(text: str, start: int, most: int) -> int:
    """Where the words of a noun phrase stop; "of the Morava", "at Lednice" belong to it."""
    end = start
    words = list(re.finditer(r"[\w’'-]+", text[start:most]))
    for i, word in enumerate(words):
        plain = word.group().casefold()
        if plain in STOP_WORDS or plain in _PREPOSITIONS or (plain in _VERBS and i > 0):
            break
        if i > 0 and plain.endswith(("ed", "ing")) and not word.group()[0].isupper():
            break
        end = start + word.end()
    following = _CLOSER.match(text, end) if end > start else None
    return following.end() if following else end


# What names a thing more closely: "of the Morava", "on the opera of Arenzano", "at Lednice".
_CLOSER = re.compile(
    r"(?:\s+(?:of|over|at|in|on|between|for|from)\s+(?:(?:the|an?)\s+[\w’'-]+|(?<=of\s)[\w’'-]+|[A-Z][\w’'-]*)(?:\s+(?:and\s+)?[A-Z][\w’'-]*)*){1,2}"
)
_PREPOSITIONS = frozenset(
    "in on at for with from to by under over between after before during of near without about into onto".split()
)


def _refers(text: str) -> bool:
    """Whether a text has a word that points back."""
    return bool(
        _PERSON.search(text) or _PLURAL.search(text) or _THING.search(text) or _SAME_THING.search(text) or _TIME.search(text)
        or (_PLACE.search(text) and not _EXISTS.search(text))
    )  # fmt: skip


def _resolved(question: str, asked: str, answer: str) -> str:
    """The question with its pronouns replaced."""
    question = (
        re.sub(r"^(?:and|but|so|ok(?:ay)?)[\s,]+(?=\w+\s)", "", question, flags=re.IGNORECASE)
        if _refers(question)
        else question
    )
    made = question
    if _PERSON.search(made):
        made = _put(_PERSON, made, _person(asked, answer))
    if _PLURAL.search(made):
        made = _put(_PLURAL, made, _plural(asked, answer))
    if _THING.search(made):
        made = _put(_THING, made, _topic(asked, answer))
    if _SAME_THING.search(made):
        made = _put(_SAME_THING, made, _topic(asked, answer))
    if _PLACE.search(made) and not _EXISTS.search(made):
        place = _place(asked, answer)
        made = _put(_PLACE, made, f"in {place}" if place else "")
    if _TIME.search(made):
        when = _YEAR.findall(answer) or _YEAR.findall(asked)
        made = _put(_TIME, made, f"in {when[0]}" if when else "")
    return made[0].upper() + made[1:] if made else question


def _put(pronoun: re.Pattern[str], question: str, meant: str) -> str:
    """The first of these pronouns spelled out; the later ones then have something to point to."""
    if not meant:
        return question
    match = pronoun.search(question)
    assert match
    word = match.group().casefold()
    # "her" before a verb's end or a preposition is no possessive: "Who met her?"
    owns = word in _POSSESSIVE and not (word == "her" and not re.match(r"\s+[a-z]", question[match.end() :]))
    meant = meant + ("’" if meant.endswith("s") and pronoun is _PLURAL else "’s") if owns else meant
    return question[: match.start()] + meant + question[match.end() :]


def _person(asked: str, answer: str) -> str:
    """Who "he" or "she" is: who was asked about, else who was answered, else whoever was described."""
    people = [name for name in _names(asked) if _is_person(name, asked)]
    if re.match(r"(?:who|whose|whom|which)\b", asked, re.IGNORECASE):  # the answer says who
        people = [name for name in _names(answer) if _is_person(name, answer) and name not in asked][:1] + people
        if people:
            return people[0]
    if people:
        return people[-1]
    described = [asked[a:b] for a, b in _phrases(asked) if _head(asked[a:b]) in _PEOPLE]
    answered = [name for name in _names(answer) if _is_person(name, answer)]
    return (answered or described or _names(asked)[-1:] or [""])[0]


def _plural(asked: str, answer: str) -> str:
    """Who or what "they" are."""
    phrases = [asked[a:b] for a, b in _phrases(asked)]
    plural = [phrase for phrase in phrases if _head(phrase).endswith("s")]
    counted = re.findall(r"\bhow many ([\w’'-]+(?: [\w’'-]+)?)\b", asked, re.IGNORECASE)
    counted = [re.sub(rf"\s(?:{_AUX})$", "", words) for words in counted]
    people = [name for text in (answer, asked) for name in _names(text) if _is_person(name, text)]
    together = [" and ".join(dict.fromkeys(people))] if len(set(people)) > 1 else []
    return (plural or counted or together or _names(asked)[-1:] or phrases[-1:] or _names(answer)[:1] or [""])[0]


def _head(phrase: str) -> str:
    """The noun of a phrase, without what names it more closely."""
    return re.split(r"\s(?:of|over|at|in|on|between|for|from)\s", phrase)[0].split()[-1].casefold()


_AUX = "is|are|was|were|do|does|did|can|could|will|would|has|have|had|in|on|at|of|for"


def _topic(asked: str, answer: str) -> str:
    """What "it" is: the last thing that was asked about, by its name or its description."""
    phrases = _phrases(asked)
    things = [asked[a:b] for a, b in phrases if _head(asked[a:b]) not in _PEOPLE]
    names = [name for name in _names(asked) if not _is_person(name, asked)]
    loose = [name for name in names if not any(name in thing for thing in things)]
    if things:
        if _is_plural(_head(things[0])) and (of := re.search(r"\sof\s(.+)", things[0])):
            return of.group(1)  # "it" is one: the aspirin of "the side effects of aspirin"
        return _spelled(things[0] if len(things) == 1 or _has_name(things[0]) else max(things, key=_has_name))
    if loose:
        return loose[-1]
    if bare := _bare_noun(asked):
        return bare
    of_answer = [answer[a:b] for a, b in _phrases(answer)]
    return (_names(asked)[-1:] or [_spelled(p) for p in of_answer[:1]] or _names(answer)[:1] or [""])[0]


def _is_plural(noun: str) -> bool:
    return noun.endswith("s") and not noun.endswith(("ss", "us", "is"))


def _bare_noun(asked: str) -> str:
    """The thing a question without names or determiners is about: the photosynthesis of "How does photosynthesis work?"."""
    start = _QUESTION_WORDS.match(asked)
    words = re.findall(r"[\w’'-]+", asked[start.end() :] if start else "")
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


def _spelled(phrase: str) -> str:
    """As something known: "a cabin" was new, "the cabin" is not."""
    return re.sub(r"^(?:an?|any|some|this|that)\s", "the ", phrase, flags=re.IGNORECASE)


def _place(asked: str, answer: str) -> str:
    """Where "there" is."""
    for text in (answer, asked):
        found = re.findall(r"\b(?:in|at|to|from|on|of|near)\s+((?:the\s+)?[A-Z][\w’'-]*(?:\s+[A-Z][\w’'-]*)*)", text)
        found = [place for place in found if place.casefold() not in _CALENDAR]
        if found:
            return str(found[0])
    names = _names(asked) or _names(answer)
    return names[-1] if names else ""


def _names(text: str) -> list[str]:
    """Names in a text, without the capital that begins a sentence or a question."""
    found = []
    for match in _NAME.finditer(text):
        name, at = match.group(), match.start()
        words = name.split()
        while words and (words[0].casefold() in STOP_WORDS or words[0].casefold().strip(".") in _CALENDAR):
            words = words[1:]
        opens = at == 0 or text[:at].rstrip()[-1:] in '.!?:“"'
        if opens and len(words) == 1 and len(name.split()) == 1 and _ASKS.match(words[0]):
            continue
        if words:
            found.append(" ".join(words).rstrip(".,’'"))
    return list(dict.fromkeys(found))


def _is_person(name: str, text: str) -> bool:
    """Whether a name is a person's, as far as it looks: two or three words that do not stand after "in", "at", "the"."""
    words = name.split()
    at = text.find(name)
    before = text[:at].split()[-1:] or [""]
    if before[0].casefold().strip(",") in _PREPOSITIONS - {"with", "by", "from", "for", "about", "to", "of"}:
        return False
    if before[0].casefold() == "the":
        return False
    if any(word.casefold().strip(".") in _TITLES for word in words[:-1]):
        return True
    return 2 <= len(words) <= 3 and all(word.isalpha() or "-" in word or "." in word for word in words)


def _leans(question: str, asked: str, answer: str) -> bool:
    """Whether a question without a name takes up a word of the answer or the question before: "What does the prize pay for?"."""
    if _names(question) or any(character.isdigit() for character in question):
        return False
    definite = {
        word for a, b in _phrases(question) if question[a:b].lower().startswith("the ") for word in terms(question[a:b])
    }
    return bool(definite & (set(terms(asked)) | set(terms(answer))))
