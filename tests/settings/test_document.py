"""docs/settings.md is what the settings say of themselves."""

from settings import Settings
from settings.document import DOCUMENT, document


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == document(), "run: make settings-docs"


def test_it_has_every_setting_once() -> None:
    assert [document().count(f"| `{name}` |") for name in Settings.model_fields] == [1] * len(Settings.model_fields)
