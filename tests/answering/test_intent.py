"""Intents: questions to the documents, questions about them, and small talk."""

from __future__ import annotations

import pytest

from rag.answering.intent import compared_sides, intent_of

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


@pytest.mark.parametrize(("kind", "question"), [(kind, q) for kind, asked in EXAMPLES.items() for q in asked])
def test_kinds(kind: str, question: str) -> None:
    """By the whole sentence."""
    assert kind == intent_of(question)


def test_sides() -> None:
    """Both things that are compared."""
    assert ("the ferry", "the bridge") == compared_sides("Compare the ferry and the bridge.")
    assert ("lawns", "gardens") == compared_sides("What are the differences between lawns and gardens?")
    assert ("the ferry", "the bridge") == compared_sides("How does the ferry differ from the bridge?")
    assert compared_sides("Compare them") is None
