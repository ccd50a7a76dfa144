"""PDF files for tests: small and whole, and what looks like one."""


def pdf(words: str = "Be kind.", size: int = 0) -> bytes:
    """Return a PDF of one empty page, of at least that many bytes, with words of its own."""
    pages = (
        f"%PDF-1.4\n% {words}{' ' * size}\n"
        "1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\n"
    ).encode()
    places = [pages.index(f"{number} 0 obj".encode()) for number in (1, 2, 3)]
    table = "xref\n0 4\n0000000000 65535 f \n"
    table += "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"trailer<</Size 4/Root 1 0 R>>\nstartxref\n{len(pages)}\n%%EOF\n"
    return pages + table.encode() + end.encode()
