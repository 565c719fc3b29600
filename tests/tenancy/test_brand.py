"""A brand is shown as asked, as far as people can read it and it can do no harm."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from kernel.audit.models import AuditEntry
from tenants.context import public_context
from tenants.partners import colours, lifecycle, selectors
from tenants.partners.logo import MAX_SIDE, NotAPicture, encoded


def picture(kind: str, size: tuple[int, int] = (900, 300)) -> bytes:
    out = io.BytesIO()
    drawn = Image.new("RGB", size, "#123456")
    extra = {"exif": b"Exif\x00\x00CANARY"} if kind == "JPEG" else {}
    drawn.save(out, kind, **extra)
    return out.getvalue()


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#767676", "#ffffff", 4.54),
        ("#ff0000", "#ffffff", 4.0),
    ],
)
def test_contrast_is_what_wcag_says(one, other, ratio) -> None:
    assert colours.contrast(one, other) == pytest.approx(ratio, abs=0.01)
    assert colours.contrast(other, one) == colours.contrast(one, other)


@pytest.mark.parametrize("surface", [colours.LIGHT_SURFACE, colours.DARK_SURFACE])
@pytest.mark.parametrize(
    "asked", ["#ffff00", "#ff0000", "#1F4E79", "#ffffff", "#000000", "#777777"]
)
def test_every_colour_becomes_readable_and_a_readable_one_stays(asked, surface) -> None:
    shown = colours.corrected(asked, surface)
    assert shown.contrast >= colours.TEXT_CONTRAST
    assert shown.contrast == pytest.approx(colours.contrast(shown.used, surface))
    if shown.asked_contrast >= colours.TEXT_CONTRAST:
        assert (shown.used, shown.changed) == (asked.lower(), False)
    else:
        assert shown.changed


@pytest.mark.parametrize("bad", ["", "red", "#fff", "#12345g", "#1234567", "url(x)", "#123456;}"])
def test_what_is_no_colour_is_refused(bad) -> None:
    with pytest.raises(colours.NotAColour, match="hexadecimal"):
        colours.corrected(bad, colours.LIGHT_SURFACE)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_logo_is_written_anew_as_a_small_png(kind) -> None:
    logo = encoded(picture(kind))
    with Image.open(io.BytesIO(logo.body)) as shown:
        assert (shown.format, max(shown.size)) == ("PNG", MAX_SIDE)
    assert b"CANARY" not in logo.body
    assert logo.content_type == "image/png"


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<?xml version='1.0'?><svg/>",
        b"<html><script>1</script></html>",
        b"\x89PNG\r\n\x1a\n rubbish",
        picture("BMP"),
        picture("PNG")[:200],
        bytes(3_000_000),
    ],
)
def test_anything_that_is_not_a_picture_of_ours_is_refused(file) -> None:
    with pytest.raises(NotAPicture, match="send a"):
        encoded(file)


def test_a_picture_too_large_to_draw_is_refused() -> None:
    with pytest.raises(NotAPicture, match="16 million"):
        encoded(picture("PNG", (5000, 4000)))


@pytest.mark.django_db
def test_a_partner_is_dressed_and_told_what_was_corrected(make_partner) -> None:
    partner = make_partner("northwind")
    look = lifecycle.Look("Windhub", primary="#ffff00", accent="#004488", logo=picture("PNG"))
    shown = lifecycle.dress(partner, look, actor="user:1")
    brand = selectors.brand_of(selectors.partner_by_slug("northwind"))
    assert shown["primary"].changed
    assert not shown["accent"].changed
    assert (brand.primary, brand.accent) == (shown["primary"].used, "#004488")
    assert bytes(brand.logo).startswith(b"\x89PNG")
    with public_context():
        assert "logo" in AuditEntry.objects.latest("seq").detail["fields"]
    lifecycle.dress(partner, lifecycle.Look("Windhub 2"), actor="user:1")
    brand.refresh_from_db()
    assert (brand.product_name, bool(brand.logo)) == ("Windhub 2", True)
