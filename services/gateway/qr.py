"""QR codes: for what a phone is to read off a screen."""

import io

import segno


def qr_code(text: str) -> str:
    """Return a QR code as an SVG element, dark on light in whatever theme it is shown."""
    drawn = io.BytesIO()
    code = segno.make(text, error="m", micro=False)
    code.save(
        drawn, kind="svg", scale=4, border=4, dark="#000", light="#fff", xmldecl=False, nl=False,
        omitsize=True,
    )  # fmt: skip
    return drawn.getvalue().decode()
