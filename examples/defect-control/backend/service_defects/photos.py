"""A photo less what it tells about its photographer: where they stood, whose phone it was, what else it carries along.

Everything that a decoder does not need to paint the picture goes: GPS, serial numbers and names in Exif, XMP and IPTC,
remarks, small copies from before it was cropped, second pictures and films behind its end. The picture itself stays
bit for bit. Two notes stay, which are facts about it rather than about a person: when it was taken, and, in a JPEG, how
the camera was held. Other formats' viewers overlook the latter, so there the picture itself is turned.
"""

import io
import re
from collections.abc import Iterator

from PIL import Image, ImageOps

ORIENTATION = 0x0112
EXIF_IFD = 0x8769
# Exif 2.32, 4.6.5: the moment, and its difference from UTC. Only in this form, so that nothing else rides on them.
MOMENTS = {0x9003: re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d"), 0x9011: re.compile(r"[+-]\d\d:\d\d")}

# ITU-T T.81, table B.1. Not among them: COM, APPn (`_told_by_application` has a look at those), reserved ones.
JPEG_PICTURE = frozenset(range(0xC0, 0xD0)) | frozenset(range(0xDA, 0xE0))
JPEG_SCAN, JPEG_END = 0xDA, 0xD9
# Within a scan 0xFF is followed by 0 where it is data, by D0 to D7 where decoders may start again, or by more fill.
JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
PNG_PICTURE = frozenset((
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"bKGD", b"pHYs",
    b"acTL", b"fcTL", b"fdAT",
))  # fmt: skip
WEBP_PICTURE = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"ANIM", b"ANMF"))
WEBP_HAS_EXIF_OR_XMP = 0b1100


def without_traces(content: bytes, image_format: str, exif: Image.Exif) -> bytes:
    """`content` is a photo that a decoder has read to its end, `exif` what stands in it."""
    orientation = orientation_of(exif)
    if image_format == "JPEG":
        return _jpeg(content, _notes(exif, orientation))
    upright = content if orientation == 1 else _turned(content, image_format)
    return _png(upright) if image_format == "PNG" else _webp(upright)


def orientation_of(exif: Image.Exif) -> int:
    """1 to 8; 1 is upright, from 5 on the picture lies on its side."""
    said = exif.get(ORIENTATION, 1)
    return said if said in range(1, 9) else 1


def _notes(exif: Image.Exif, orientation: int) -> bytes:
    """An Exif segment's content with the two notes that stay, or nothing where it would say nothing."""
    kept = Image.Exif()
    if orientation != 1:
        kept[ORIENTATION] = orientation
    told = exif.get_ifd(EXIF_IFD)
    moments = {tag: str(told[tag]) for tag, form in MOMENTS.items() if form.fullmatch(str(told.get(tag)))}
    if moments:
        kept.get_ifd(EXIF_IFD).update(moments)
    return kept.tobytes() if kept or moments else b""


def _jpeg(content: bytes, notes: bytes) -> bytes:
    kept = [content[:2]]
    unsaid = [_segment(0xE1, notes)] if notes else []
    for marker, segment, scan in _jpeg_segments(content):
        if marker == 0xE0:
            kept += _told_by_application(marker, segment)
            continue
        kept += unsaid  # behind JFIF's own segment, which wants to be the first
        unsaid = []
        kept += [segment, scan] if marker in JPEG_PICTURE else _told_by_application(marker, segment)
    return b"".join((*kept, b"\xff\xd9"))


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Marker, segment with its marker, and what is scanned behind it, up to the picture's end."""
    found = JPEG_MARKER.search(content, 2)
    while found is not None and found[0][1] != JPEG_END:
        start, marker = found.start(), found[0][1]
        end = start + 2 + int.from_bytes(content[start + 2 : start + 4])
        found = JPEG_MARKER.search(content, end)
        scanned = content[end : found.start() if found else len(content)] if marker == JPEG_SCAN else b""
        yield marker, content[start:end], scanned


def _told_by_application(marker: int, segment: bytes) -> list[bytes]:
    """Of the applications' segments, those that say what the colours mean."""
    said = segment[4:]
    if marker == 0xE0 and said.startswith(b"JFIF\0"):
        return [_segment(marker, said[:12] + b"\0\0")]  # without the small copy
    if (marker == 0xE2 and said.startswith(b"ICC_PROFILE\0")) or (marker == 0xEE and said.startswith(b"Adobe")):
        return [segment]
    return []


def _segment(marker: int, said: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(said) + 2).to_bytes(2) + said


def _png(content: bytes) -> bytes:
    kept, at, kind = [content[:8]], 8, b""
    while at < len(content) and kind != b"IEND":
        kind = content[at + 4 : at + 8]
        end = at + 12 + int.from_bytes(content[at : at + 4])
        if kind in PNG_PICTURE:
            kept.append(content[at:end])
        at = end
    return b"".join(kept)


def _webp(content: bytes) -> bytes:
    kept, at, behind = [b"WEBP"], 12, 8 + int.from_bytes(content[4:8], "little")
    while at < min(behind, len(content)):
        kind = content[at : at + 4]
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        end = at + 8 + size + size % 2
        chunk = content[at:end]
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes((chunk[8] & ~WEBP_HAS_EXIF_OR_XMP,)) + chunk[9:]
        if kind in WEBP_PICTURE:
            kept.append(chunk)
        at = end
    picture = b"".join(kept)
    return b"RIFF" + len(picture).to_bytes(4, "little") + picture


def _turned(content: bytes, image_format: str) -> bytes:
    with Image.open(io.BytesIO(content), formats=[image_format]) as image:
        turned = ImageOps.exif_transpose(image)
    result = io.BytesIO()
    turned.save(result, image_format, icc_profile=image.info.get("icc_profile"), lossless=True)
    return result.getvalue()
