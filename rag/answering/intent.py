"""Recognises whether a question asks for something in the documents, is about the documents themselves, or is small talk.

Patterns match whole sentences, not single words: "Who wrote Faust?" is answered from the documents, but "Who wrote this
article?" is about a document.
"""

from __future__ import annotations

import re
from typing import Literal

Intent = Literal["question", "greeting", "thanks", "help", "contents", "authorship", "summary", "list", "comparison"]

_POLITE = r"(?:(?:please|hi|hello|hey|so|ok(?:ay)?|now|and)[\s,!]+)*(?:(?:can|could|would|will) you (?:please )?|i(?:['’]d| would) like (?:you )?to |please )?"
_DOCUMENT = r"(?:document|article|text|paper|report|file|story|piece|page|book|letter|e-?mail|memo|note|essay|post)"
_THIS = rf"(?:it|this|that|(?:this|that|the|my)\s+{_DOCUMENT}(?:\s+(?:about|on|called|titled)\s+.+)?|[\"“].+[\"”])"
_ALL = rf"(?:(?:all|all of|any of|each of)?\s*(?:these|those|the|my|your|our|this)?\s*(?:{_DOCUMENT}s|library|index|collection|corpus|folder|documentation))"
_END = r"\s*(?:please|for me|now)?\s*[?.!]*$"

_PATTERNS: tuple[tuple[Intent, re.Pattern[str]], ...] = tuple(
    (intent, re.compile(rf"^\s*{pattern}", re.IGNORECASE))  # type: ignore[misc]  # the literals of Intent
    for intent, pattern in (
        ("greeting", rf"(?:hi|hello|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day)|hallo|hola|bonjour|salut|ciao|namaste)"
                     rf"(?:[\s,]+(?:there|all|everyone|rag|bot|again|how are you(?: doing)?(?: today)?))*{_END}"),
        ("greeting", rf"how are you(?: doing)?(?: today)?{_END}"),
        ("thanks", rf"(?:(?:many |no )?thanks?(?: you)?(?: (?:so|very) much| a lot)?|thx|cheers|great|perfect|nice|good|ok(?:ay)?|cool|bye|goodbye|see you)"
                   rf"(?:[\s,!.]+(?:thanks?|thank you|bye|that (?:helps|helped)(?: a lot)?|that was helpful|very much|job|work))*{_END}"),
        ("help", rf"(?:help(?: me)?|{_POLITE}(?:what (?:can|do) you do|who are you|what are you|how (?:do|does|can) (?:this|you|it|i)(?: work| use (?:this|it|you))?"
                 rf"|what is this(?: (?:page|program|app|bot|tool))?|what (?:can|should) i ask(?: you)?)){_END}"),
        ("contents", rf"{_POLITE}(?:what(?:['’]s| is| do (?:you|we|i) have)? (?:in|inside) (?:here|there|{_ALL})"
                     rf"|what (?:{_DOCUMENT}s|files|sources) (?:do (?:you|we|i) have|are (?:there|here|in here)|have you(?: got)?|can you (?:see|read)|do you know(?: about)?)"
                     rf"|which (?:{_DOCUMENT}s|files|sources) (?:do (?:you|we|i) have|are (?:there|here|in here)|have you(?: got)?)"
                     rf"|(?:list|show)(?: me)?(?: all)?(?: of)?(?: the| your| my)? (?:{_DOCUMENT}s|files|sources)"
                     rf"|what (?:are|is) (?:these|those|the|my|your) {_DOCUMENT}s? about|what do you know(?: about)?|what (?:is|are) {_ALL} about"
                     rf"|how many (?:{_DOCUMENT}s|files)(?: (?:do (?:you|we|i) have|are (?:there|here|in here)))?){_END}"),
        ("authorship", rf"{_POLITE}(?:who(?: is| was|['’]s)? (?:wrote|written|authored|published|the authors?(?: of)?|the writer(?: of)?) ?{_THIS}?(?: and when(?: (?:was (?:it|this)|did they)[\w\s]*)?)?"
                       rf"|when (?:was|is|were) {_THIS} (?:written|published|dated|from|made|created|posted)(?: and (?:by whom|who wrote it))?"
                       rf"|(?:who is|what is|what['’]s|tell me|give me|show me) the (?:author|date|publication date|title|source)s?(?: and (?:the )?(?:author|date|title|source))? (?:of|for) {_THIS}"
                       rf"|how old is {_THIS}|where (?:does|did|is) {_THIS} (?:come )?from|what date is {_THIS}(?: from)?|by whom is {_THIS}){_END}"),
        ("summary", rf"{_POLITE}(?:summari[sz]e|sum up|give(?: me)? (?:a |an |the )?(?:short |brief |quick |one-paragraph )?(?:summary|overview|gist|tl;?dr)(?: of)?|tl;?dr|write (?:me )?a (?:short |brief )?summary(?: of)?"
                    rf"|what(?:['’]s| is| are) (?:the (?:gist|main (?:points?|ideas?|message)|key (?:points?|takeaways|findings)|summary|essence|takeaways?)(?: (?:of|in)\b|(?=\s*[?.!]*$))|{_THIS} (?:all )?about)"
                    rf"|what does {_THIS} say|(?:tell me )?what {_THIS} is about)\b"),
        ("list", rf"{_POLITE}(?:(?:list|name|enumerate|give me|show me|find)(?: me)? (?:all|every|each|the complete list of|a (?:full |complete )?list of)\b"
                 rf"|which (?:of the |of my |of these )?(?:{_DOCUMENT}s|files|sources) (?:mention|talk|speak|discuss|contain|say|are about|deal|refer|cite|name|describe)"
                 rf"|how many (?:{_DOCUMENT}s|files|sources) (?:mention|talk|speak|discuss|contain|say|are about|deal|refer)"
                 rf"|what are all(?: of)? the\b|list (?:the|any)\b)"),
        ("comparison", rf"{_POLITE}(?:compare\b|what(?:['’]s| is| are) the (?:main |key |biggest )?(?:differences?|similarit(?:y|ies)) between\b"
                       rf"|how (?:do|does|did|is|are) .+ (?:differ from|compare (?:to|with)|different from)\b|contrast\b)"),
    )
)  # fmt: skip
_COMPARISONS = tuple(
    re.compile(rf"\b{pattern}[?.!]*$", re.IGNORECASE)
    for pattern in (
        r"between\s+(?P<a>.+?)\s+and\s+(?P<b>.+?)",
        r"(?:compare|contrast)\s+(?P<a>.+?)\s+(?:and|with|vs\.?|versus)\s+(?P<b>.+?)",
        r"(?:compare|contrast)\s+(?P<a>.+?)\s+(?:to|against)\s+(?P<b>.+?)",
        r"how (?:do|does|did|is|are)\s+(?P<a>.+?)\s+(?:differ from|compare (?:to|with)|different from)\s+(?P<b>.+?)",
    )
)
MAX_CHARACTERS = 300  # code points; a longer question is always answered from the documents


def intent_of(question: str) -> Intent:
    """Returns the intent of a question.

    Example:
        >>> intent_of("Hello there!"), intent_of("Who wrote it and when?"), intent_of("Who wrote Faust?")
        ('greeting', 'authorship', 'question')
    """
    if len(question) > MAX_CHARACTERS:
        return "question"
    return next((intent for intent, pattern in _PATTERNS if pattern.match(question)), "question")


def authorship_facts(question: str) -> tuple[bool, bool]:
    """Returns whether a question asks for the author, and whether it asks for the date.

    If the question mentions neither, returns (True, True).

    Example:
        >>> authorship_facts("Who wrote it and when?"), authorship_facts("When was it published?"), authorship_facts("Where is it from?")
        ((True, True), (False, True), (True, True))
    """
    who = bool(re.search(r"\b(?:who|whom|authors?|writer|wrote)\b", question, re.IGNORECASE))
    when = bool(re.search(r"\b(?:when|date|dated|old)\b", question, re.IGNORECASE))
    return (who, when) if who or when else (True, True)


def list_subject(question: str) -> str:
    """Returns the subject of a request for a list.

    Example:
        >>> list_subject("List every price in euros."), list_subject("Which documents mention Liguria?")
        ('price in euros', 'Liguria')
    """
    pattern = next(pattern for intent, pattern in _PATTERNS if intent == "list")
    found = pattern.match(question[:MAX_CHARACTERS])
    rest = question[found.end() :].strip(" ?.!:") if found else ""
    return rest or question


def compared_sides(question: str) -> tuple[str, str] | None:
    """Returns the two things that a question compares; None if it does not name two things.

    Example:
        >>> compared_sides("What is the difference between the night ferry and the road bridge?")
        ('the night ferry', 'the road bridge')
    """
    if len(question) > MAX_CHARACTERS:
        return None
    for pattern in _COMPARISONS:
        if found := pattern.search(question):
            return found["a"].strip(), found["b"].strip()
    return None


def covers_all_documents(question: str) -> bool:
    """Returns whether a question asks for a summary of all documents rather than of a single one."""
    return bool(
        re.search(
            rf"\b(?:everything|all|these|those)\b|\b{_DOCUMENT}s\b|\b(?:library|collection|corpus|folder)\b",
            question,
            re.IGNORECASE,
        )
    )
