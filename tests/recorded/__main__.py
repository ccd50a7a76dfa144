"""`python -m tests.recorded`: write anew what is made from code, after its change was reviewed."""

import json

from tests.recorded import asvs
from tests.recorded.documents import ASYNCAPI, SCHEMAS, Document, asyncapi, schemas


def text_of(document: Document) -> str:
    """Return a document as it is written down."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def record() -> None:
    """Write schemas, the description of the bus and the page on ASVS; remove what is gone."""
    SCHEMAS.mkdir(exist_ok=True)
    ASYNCAPI.parent.mkdir(exist_ok=True)
    current = schemas()
    for file in SCHEMAS.glob("*.json"):
        if file.stem not in current:
            file.unlink()
    for name, schema in current.items():
        (SCHEMAS / f"{name}.json").write_text(text_of(schema))
    ASYNCAPI.write_text(text_of(asyncapi()))
    asvs.PAGE.write_text(asvs.page(asvs.requirements(), asvs.marked_tests()))


if __name__ == "__main__":
    record()
