"""What a photo tells beside the picture: where its photographer stood does not reach the customer, the picture does."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, PngImagePlugin

from common.problems import Problem
from service_defects import files, photos
from service_defects.settings import DefectsSettings
from tests.defect_control.pictures import photo
from tests.defect_control.stack import SECRET, Person, Stack

Record = Callable[..., dict]

MOMENT = "2026:11:24 10:15:00"
SECRETS = (b"Camera of Ivan", b"SN-0042", b"55.751244", b"gps.latitude", b"a remark", b"the film", b"London")


def telling(image_format: str, orientation: int = 1, **options: object) -> bytes:
    """As a telephone writes them, and more: every place that a picture of this format has for words, filled."""
    image = Image.radial_gradient("L").resize((320, 240)).convert("RGB")
    exif = image.getexif()
    exif[0x0112] = orientation
    exif[0x010F] = "Camera of Ivan"
    exif.get_ifd(0x8769).update({0x9003: MOMENT, 0x9011: "+03:00", 0xA431: "SN-0042"})
    exif.get_ifd(0x8825).update({1: "N", 2: (55.0, 45.0, 4.48), 3: "E", 4: (37.0, 37.0, 3.54), 29: "55.751244"})
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf gps.latitude="55"/></x:xmpmeta>'
    words = PngImagePlugin.PngInfo()
    words.add_text("Comment", "a remark")
    words.add_itxt("Place", "gps.latitude", zip=True)
    content = io.BytesIO()
    image.save(content, image_format, exif=exif, xmp=xmp, comment=b"a remark", pnginfo=words, **options)
    packed = content.getvalue()
    if image_format == "JPEG":
        place = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0b\x1c\x02\x5a\0\x06London\0"
        packed = packed[:2] + b"\xff\xed" + (len(place) + 2).to_bytes(2) + place + packed[2:]
    return packed + photo((64, 64), camera="Camera of Ivan") + b"the film"


def served(person: Person, defect: dict, content: bytes) -> bytes:
    made = person.post(f"/api/defects/{defect['id']}/attachments", files={"file": ("photo", content)}).json()
    answer = person.get(f"/api/attachments/{made['id']}/content")
    assert made["size"] == len(answer.content) == int(answer.headers["content-length"])
    return answer.content


def same_picture(one: bytes, other: bytes) -> bool:
    with Image.open(io.BytesIO(one)) as first, Image.open(io.BytesIO(other)) as second:
        return first.mode == second.mode and ImageChops.difference(first, second).getbbox(alpha_only=False) is None


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_what_a_photo_tells_of_its_photographer_goes_and_the_picture_stays_bit_for_bit(
    engineer: Person, record: Record, image_format: str
) -> None:
    sent = telling(image_format, lossless=True)
    kept = served(engineer, record(), sent)

    assert [secret for secret in SECRETS if secret in sent], "the picture has secrets to lose"
    assert [secret for secret in SECRETS if secret in kept] == []
    assert same_picture(sent, kept)
    with Image.open(io.BytesIO(kept)) as image:
        assert not image.getexif().get_ifd(0x8825)
        assert not {"xmp", "comment", "photoshop"} & set(image.info)


def test_when_a_photo_was_taken_is_kept(engineer: Person, record: Record) -> None:
    with Image.open(io.BytesIO(served(engineer, record(), telling("JPEG")))) as image:
        assert dict(image.getexif().get_ifd(0x8769)) == {0x9003: MOMENT, 0x9011: "+03:00"}


def test_words_in_place_of_the_moment_go(engineer: Person, record: Record) -> None:
    image = Image.new("RGB", (64, 64))
    exif = image.getexif()
    exif.get_ifd(0x8769).update({0x9003: "at home, Lenina 5, flat 7"})
    content = io.BytesIO()
    image.save(content, "JPEG", exif=exif)

    assert b"Exif" not in served(engineer, record(), content.getvalue())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_however_the_camera_was_held_the_picture_is_shown_upright(image_format: str, orientation: int) -> None:
    """By a viewer that knows the note where the note is left, and by any viewer where it is not."""
    sent = telling(image_format, orientation, lossless=True)

    kept = accepted(sent).content

    with Image.open(io.BytesIO(sent)) as before, Image.open(io.BytesIO(kept)) as after:
        assert after.getexif().get(0x0112, 1) == (orientation if image_format == "JPEG" else 1)
        upright = [photos.ImageOps.exif_transpose(image) for image in (before, after)]
        assert ImageChops.difference(*upright).getbbox() is None


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        pytest.param("RGB", {"progressive": True}, id="progressive"),
        pytest.param("RGB", {"restart_marker_blocks": 2}, id="restarts"),
        pytest.param("RGB", {"subsampling": 0, "quality": 100}, id="finest"),
        pytest.param("RGB", {"icc_profile": b"of the colours" * 8000}, id="a profile in two segments"),
        pytest.param("L", {}, id="grey"),
        pytest.param("CMYK", {}, id="of a printer"),
    ],
)
def test_every_kind_of_jpeg_stays_the_picture_that_it_is(mode: str, options: dict) -> None:
    content = io.BytesIO()
    Image.effect_noise((200, 100), 80).convert(mode).save(content, "JPEG", comment=b"a remark", **options)

    kept = accepted(content.getvalue()).content

    assert b"a remark" not in kept
    assert same_picture(content.getvalue(), kept)
    with Image.open(io.BytesIO(kept)) as image:
        assert image.info.get("icc_profile") == options.get("icc_profile")


def test_where_the_firm_wants_originals_as_evidence_they_are_kept_as_they_came(
    stack: Stack, engineer: Person, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack.network.apps["defects-service"].state.settings, "keep_photo_metadata", True)
    sent = telling("JPEG")

    assert served(engineer, record(), sent) == sent


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damaged notes
@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(["JPEG", "PNG", "WEBP"]),
    st.lists(st.tuples(st.integers(0, 3000), st.binary(min_size=1, max_size=12)), min_size=1, max_size=6),
    st.integers(0, 10_000),
)
@example("JPEG", [(2, b"\xff\xe1\x00\x02")], 0)
@example("WEBP", [(4, b"\xff\xff\xff\x7f")], 0)
def test_a_damaged_photo_is_refused_or_can_be_shown(
    image_format: str, changes: list[tuple[int, bytes]], cut: int
) -> None:
    content = bytearray(telling(image_format, 6))
    for place, put in changes:
        content[12 + place : 12 + place + len(put)] = put  # what it is, its first bytes go on saying
    damaged = bytes(content[: len(content) - cut])

    # A Problem is an answer that says why; anything else would be our fault.
    with suppress(Problem), Image.open(io.BytesIO(accepted(damaged).content)) as image:
        image.load()


def accepted(content: bytes) -> files.Accepted:
    return files.accept(content, DefectsSettings(secret_key=SECRET))
