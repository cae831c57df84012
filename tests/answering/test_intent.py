"""Intents: questions to the documents, questions about them, and small talk."""

from __future__ import annotations

import pytest

from rag.answering.intent import authorship_facts, compared_sides, covers_all_documents, intent_of, list_subject

EXAMPLES = {
    "greeting": ["hi", "Hello!", "hey there", "Good morning", "hello, how are you?", "Bonjour", "How are you?"],
    "thanks": ["thanks", "Thank you very much!", "ok", "great, thanks", "bye", "thanks, that helps a lot"],
    "help": ["help", "What can you do?", "who are you", "how does this work?", "What can I ask?", "what is this?"],
    "contents": ["what is in here?", "What's in there", "What documents do you have?", "list the documents", "show me all files",
                 "what are these documents about?", "How many documents are there?", "What is in this folder?",
                 "which files have you got?", "What do you know?"],
    "authorship": ["Who wrote it and when?", "who wrote this article?", "When was it published?", "Who is the author of this report?",
                   "When was this document written?", "who wrote the document", "What is the date of this letter?",
                   "Where does this text come from?", "who is the author?"],
    "summary": ["Summarise this document", "summarize the article about ferries", "tl;dr", "Give me a short summary of it.",
                "What is this about?", "What are the key points?", "can you sum up the report?", "Please summarise everything",
                "What does this document say?"],
    "list": ["List every price", "list all names in the documents", "Which documents mention Liguria?", "Name all the people",
             "How many documents mention rare earths?", "What are all the dates?"],
    "comparison": ["Compare the ferry and the bridge", "What is the difference between lawns and gardens?",
                   "How does the ferry differ from the bridge?", "compare A with B"],
    "question": ["What did India raise with Sun Weidong?", "Who wrote Faust?", "When was the bridge closed?", "hi-fi prices",
                 "What is IREL?", "How many hives does she keep?", "help for farmers in Calder", "Good evening news ratings in 2020?",
                 "What is the summary judgment standard?", "Who published the first map of Varnes?", "thanksgiving date",
                 "What is the list price of a cabin?", "What is a comparison study?", "Where does the oldest clock come from?",
                 "How old is the opera house?", "what is in the cabin?", "Is this legal?"],
}  # fmt: skip


@pytest.mark.parametrize(("intent", "question"), [(intent, q) for intent, asked in EXAMPLES.items() for q in asked])
def test_intents(intent: str, question: str) -> None:
    """Are recognised by the complete sentence."""
    assert intent == intent_of(question)


def test_a_long_text_is_a_question() -> None:
    """Small talk has 300 characters at most."""
    assert ["greeting", "question"] == [intent_of("hello" + " " * spaces) for spaces in (295, 296)]


def test_authorship_facts() -> None:
    """Author, date, or both."""
    assert (True, False) == authorship_facts("Who is the author of this report?")
    assert (False, True) == authorship_facts("How old is this?")
    assert (True, True) == authorship_facts("By whom and when was it written?") == authorship_facts("Where is it from?")


def test_list_subject() -> None:
    """What comes after the words that ask for a list; the question if nothing does."""
    assert "prices" == list_subject("Please list all prices.")
    assert "rare earths" == list_subject("How many documents mention rare earths?")
    assert "List all" == list_subject("List all")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Summarise everything", True),
        ("Summarise these documents", True),
        ("Summarise the report", False),
        ("tl;dr", False),
    ],
)
def test_covers_all_documents(question: str, expected: bool) -> None:
    """By "everything", "all" and plurals."""
    assert expected == covers_all_documents(question)


def test_sides() -> None:
    """Both things that a question compares; None if it does not name two."""
    assert ("the ferry", "the bridge") == compared_sides("Compare the ferry and the bridge.")
    assert ("lawns", "gardens") == compared_sides("What are the differences between lawns and gardens?")
    assert ("the ferry", "the bridge") == compared_sides("How does the ferry differ from the bridge?")
    assert compared_sides("Compare them") is None
