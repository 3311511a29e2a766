"""Common parts of the APIs that local AWS adds."""

from xml.etree import ElementTree

from local_aws.service import plain


def test_a_program_s_words_can_stand_in_an_answer_in_xml() -> None:
    said = plain("\x1b[36mServer\x1b[39m failed:\x00\n\tValueError: \u201cdépôt\u201d\x07")
    assert said == "Server failed:\n\tValueError: \u201cdépôt\u201d"
    assert ElementTree.fromstring(f"<Reason>{said}</Reason>").text == said
