"""Attachments as files: what they are is seen from their first bytes, never believed from a name or a header."""

import io
import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from PIL import Image, ImageOps

from service_defects import photos, problems
from service_defects.settings import DefectsSettings

PREVIEW_SIDE = 640
PREVIEW_QUALITY = 80
LONGEST_NAME = 150
PDF = "application/pdf"
IMAGES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
EXTENSIONS = {
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/webp": (".webp",),
    PDF: (".pdf",),
}

Image.MAX_IMAGE_PIXELS = None  # `_open` checks the size before a pixel is decoded, with our own limit


@dataclass(frozen=True)
class Accepted:
    content: bytes
    content_type: str
    size: tuple[int, int] | None
    preview: bytes | None


def accept(content: bytes, settings: DefectsSettings) -> Accepted:
    if len(content) > settings.file_limit:
        raise _too_large(settings)
    if content.startswith(b"%PDF-"):
        return Accepted(content, PDF, None, None)
    image_format = _image_format(content)
    if image_format is None:
        raise problems.FILE_TYPE_REFUSED()
    try:
        with Image.open(io.BytesIO(content), formats=[image_format]) as image:
            if image.width * image.height > settings.pixels_limit:
                raise _too_large(settings)
            image.draft("RGB", (PREVIEW_SIDE, PREVIEW_SIDE))  # a JPEG is decoded at an eighth where that is enough
            exif = image.getexif()
            size = _size_as_seen(image, content, image_format)
            preview = _preview(image)  # which reads it to its end: from here on it is known to be a photo
            if not settings.keep_photo_metadata:
                content = photos.without_traces(content, image_format, exif)
            return Accepted(content, IMAGES[image_format], size, preview)
    except (OSError, SyntaxError, ValueError, EOFError, TypeError, KeyError, IndexError) as error:
        raise problems.IMAGE_BROKEN() from error  # what Pillow raises for damaged files depends on the decoder


def store(settings: DefectsSettings, attachment_id: UUID, accepted: Accepted) -> None:
    settings.attachments.mkdir(exist_ok=True)
    _write(content_path(settings, attachment_id), accepted.content)
    if accepted.preview is not None:
        _write(preview_path(settings, attachment_id), accepted.preview)


def discard(settings: DefectsSettings, attachment_id: UUID) -> None:
    content_path(settings, attachment_id).unlink(missing_ok=True)
    preview_path(settings, attachment_id).unlink(missing_ok=True)


def content_path(settings: DefectsSettings, attachment_id: UUID) -> Path:
    return settings.attachments / str(attachment_id)


def preview_path(settings: DefectsSettings, attachment_id: UUID) -> Path:
    return settings.attachments / f"{attachment_id}.preview.jpg"


def safe_name(given: str | None, content_type: str) -> str:
    """For people to read and browsers to save under: no path, no control or direction-changing signs, a true ending."""
    name = (given or "").replace("\\", "/").rpartition("/")[2]
    name = "".join(sign for sign in name if unicodedata.category(sign)[0] != "C").strip(" .")
    extensions = EXTENSIONS[content_type]
    stem = name[: -len(Path(name).suffix) or None] if name.lower().endswith(extensions) else name
    ending = Path(name).suffix if name.lower().endswith(extensions) else extensions[0]
    return (stem[:LONGEST_NAME].strip(" .") or "file") + ending


def _image_format(content: bytes) -> str | None:
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    return None


def _size_as_seen(image: Image.Image, content: bytes, image_format: str) -> tuple[int, int]:
    """Of the whole picture (`draft` shrinks the open one), turned as its camera was."""
    with Image.open(io.BytesIO(content), formats=[image_format]) as whole:
        sideways = photos.orientation_of(image.getexif()) >= 5
        return (whole.height, whole.width) if sideways else (whole.width, whole.height)


def _preview(image: Image.Image) -> bytes:
    turned = ImageOps.exif_transpose(image)
    turned.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    if turned.has_transparency_data:
        layered = turned.convert("RGBA")
        turned = Image.new("RGB", layered.size, "white")
        turned.paste(layered, mask=layered.getchannel("A"))
    result = io.BytesIO()
    turned.convert("RGB").save(result, "JPEG", quality=PREVIEW_QUALITY, optimize=True, comment=b"")
    return result.getvalue()


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _too_large(settings: DefectsSettings) -> Exception:
    megabytes, megapixels = settings.file_limit // 2**20, settings.pixels_limit // 10**6
    return problems.FILE_TOO_LARGE(megabytes=megabytes, megapixels=megapixels)
