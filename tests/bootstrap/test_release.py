"""The signed root of an archive: who signed it, what it is of, and how old it may be."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import pytest

from izba.bootstrap.debian import archive as archives
from izba.bootstrap.debian.archive import Archive, ArchiveOptions
from izba.bootstrap.debian.openpgp import verify_clearsigned
from izba.bootstrap.errors import BadConfiguration, BadSignature, Corrupt, Expired, NoKeyring, NoMirror, Unreachable
from izba.bootstrap.fetch.download import Downloader
from izba.bootstrap.host.aptconf import AptConfiguration
from izba.bootstrap.progress import silent
from tests.bootstrap.conftest import Mirror
from tests.bootstrap.debs import SUITE, Deb, Key, LocalArchive


def open_it(downloader: Downloader, host_root: str, apt: dict[str, str] | None = None, **options: object) -> Archive:
    chosen = ArchiveOptions(architecture="amd64", root=host_root).replace(**options)
    return archives.open_archive(SUITE, chosen, downloader, AptConfiguration(apt or {}), silent)


# --- signatures ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["pysequoia", "gpgv"])
def verifier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both programs that can verify; without pysequoia gpgv is used."""
    if request.param == "gpgv":
        if not shutil.which("gpgv"):
            pytest.skip("needs gpgv")
        monkeypatch.setitem(sys.modules, "pysequoia", None)
    return str(request.param)


def test_the_signed_text_is_what_comes_out(verifier: str, key: Key, tmp_path: Path) -> None:
    signed = key.sign("Origin: Tests\n- a dash\nDate: x\n")

    text = verify_clearsigned(signed, keyrings=[str(key.save(tmp_path / "k.gpg"))], what="InRelease")

    assert text.rstrip() == b"Origin: Tests\n- a dash\nDate: x"


def test_what_stands_outside_of_the_signature_is_dropped(verifier: str, key: Key, tmp_path: Path) -> None:
    signed = key.sign("Origin: Tests\n") + b"Origin: Somebody else\n"
    keyring = str(key.save(tmp_path / "k.gpg"))

    try:
        assert b"else" not in verify_clearsigned(signed, keyrings=[keyring], what="InRelease")
    except BadSignature:
        pass  # or refused altogether
    with pytest.raises(BadSignature):
        verify_clearsigned(b"Origin: Somebody else\n" + signed, keyrings=[keyring], what="InRelease")


@pytest.mark.parametrize("armoured", [False, True])
def test_keyrings_may_be_binary_or_armoured(verifier: str, armoured: bool, key: Key, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(key.armoured.encode() if armoured else key.public)

    assert verify_clearsigned(key.sign("a\n"), keyrings=[str(path)], what="InRelease").rstrip() == b"a"


def test_a_key_in_the_source_itself_is_enough(verifier: str, key: Key) -> None:
    assert verify_clearsigned(key.sign("a\n"), keyrings=[], key=key.armoured, what="InRelease").rstrip() == b"a"


def test_a_changed_text_and_a_foreign_key_are_refused(verifier: str, key: Key, tmp_path: Path) -> None:
    keyring = str(key.save(tmp_path / "k.gpg"))
    changed = key.sign("Origin: Tests\n").replace(b"Tests", b"Testz")
    foreign = Key("Mallory <mallory@example.org>").sign("Origin: Tests\n")

    for signed in (changed, foreign, b"Origin: Tests\n"):
        with pytest.raises(BadSignature) as caught:
            verify_clearsigned(signed, keyrings=[keyring], what="http://m/InRelease")
        assert "http://m/InRelease" in str(caught.value)
        assert caught.value.hint is not None
        assert keyring in caught.value.hint
        assert "\n" not in str(caught.value)


def test_a_file_that_is_no_keyring_is_named(key: Key, tmp_path: Path) -> None:
    (tmp_path / "bad.gpg").write_bytes(b"this is not a key")

    with pytest.raises(NoKeyring, match=r"bad\.gpg is not an OpenPGP keyring"):
        verify_clearsigned(key.sign("a\n"), keyrings=[str(tmp_path / "bad.gpg")], what="InRelease")


# --- the archive ---------------------------------------------------------------------------------------------------


def test_an_archive_is_read_through_its_hashes(
    archive: LocalArchive, mirror: Mirror, downloader: Downloader, host_root: str
) -> None:
    archive.add(Deb("hello"))
    archive.publish()

    opened = open_it(downloader, host_root)

    hello = opened.index.newest("hello")
    assert hello is not None
    assert str(hello.version) == "1.0"
    assert opened.release.version == "12.99"
    assert mirror.asked("/by-hash/SHA256/") == [None]
    assert mirror.asked("/Packages.xz") == []


@pytest.mark.parametrize("compression", ["xz", "gz", "none"])
def test_indexes_of_every_compression_are_read(
    archive: LocalArchive, downloader: Downloader, host_root: str, compression: str
) -> None:
    archive.add(Deb("hello"))
    archive.publish(compression=compression, by_hash=False)

    assert open_it(downloader, host_root).index.newest("hello") is not None


def test_a_mirror_that_lost_its_hashes_is_asked_for_the_plain_file(
    archive: LocalArchive, mirror: Mirror, downloader: Downloader, host_root: str
) -> None:
    archive.add(Deb("hello"))
    archive.publish()
    shutil.rmtree(mirror.root / "dists" / SUITE / "main/binary-amd64/by-hash")

    assert open_it(downloader, host_root).index.newest("hello") is not None


def test_an_index_that_is_not_the_signed_one_is_refused(
    archive: LocalArchive, mirror: Mirror, downloader: Downloader, host_root: str
) -> None:
    archive.add(Deb("hello"))
    archive.publish(compression="none", by_hash=False)
    path = mirror.root / "dists" / SUITE / "main/binary-amd64/Packages"
    path.write_bytes(path.read_bytes().replace(b"Version: 1.0", b"Version: 9.0"))

    with pytest.raises(Corrupt, match="Packages: its sha256 is"):
        open_it(downloader, host_root)


def test_another_suites_index_is_refused(archive: LocalArchive, downloader: Downloader, host_root: str) -> None:
    archive.publish(codename="trixie", alias="stable")

    with pytest.raises(Corrupt, match="is the index of trixie, not of bookworm"):
        open_it(downloader, host_root)


def test_a_release_cannot_stand_in_for_its_updates(
    archive: LocalArchive, mirror: Mirror, downloader: Downloader, host_root: str
) -> None:
    archive.add(Deb("hello"))
    archive.publish()
    archive.publish(suite=f"{SUITE}-updates", codename=SUITE)

    with pytest.raises(Corrupt, match="is the index of bookworm, not of bookworm-updates"):
        open_it(downloader, host_root, mirrors=(mirror.url,), keyrings=(f"{host_root}/usr/share/keyrings/tests.gpg",))


def test_a_suite_may_be_asked_for_by_its_other_name(
    archive: LocalArchive, mirror: Mirror, downloader: Downloader, host_root: str
) -> None:
    archive.add(Deb("hello"), suite="oldstable")
    archive.publish(suite="oldstable", codename=SUITE, alias="oldstable")
    keyring = f"{host_root}/usr/share/keyrings/tests.gpg"

    opened = open_it(downloader, host_root, mirrors=(f"deb {mirror.url} oldstable main",), keyrings=(keyring,))

    assert opened.release.codename == SUITE


def test_a_mirror_line_without_binary_packages_is_refused(downloader: Downloader, host_root: str) -> None:
    with pytest.raises(BadConfiguration, match="names no archive"):
        open_it(downloader, host_root, mirrors=("deb-src http://m bookworm main",))
    with pytest.raises(BadConfiguration, match="not `deb"):
        open_it(downloader, host_root, mirrors=("deb http://m",))


def test_an_expired_index_is_refused_with_a_remedy(
    archive: LocalArchive, downloader: Downloader, host_root: str
) -> None:
    archive.publish(valid_until=time.time() - 3600)

    with pytest.raises(Expired, match="expired on") as caught:
        open_it(downloader, host_root)
    assert caught.value.hint is not None
    assert "Check-Valid-Until" in caught.value.hint

    # The remedy that it names is one, as it is for apt.
    assert open_it(downloader, host_root, {"Acquire::Check-Valid-Until": "false"})
    line = f"deb [check-valid-until=no] {archive_url(host_root)} {SUITE} main"
    keyring = f"{host_root}/usr/share/keyrings/tests.gpg"
    assert open_it(downloader, host_root, mirrors=(line,), keyrings=(keyring,))


def archive_url(host_root: str) -> str:
    text = Path(host_root, "etc/apt/sources.list.d/tests.sources").read_text()
    return text.partition("URIs: ")[2].partition("\n")[0]


def test_an_index_from_the_future_is_refused(archive: LocalArchive, downloader: Downloader, host_root: str) -> None:
    archive.publish(date=time.time() + 86400)

    with pytest.raises(Expired, match="from the future"):
        open_it(downloader, host_root)
    assert open_it(downloader, host_root, {"Acquire::Check-Date": "false"})


def test_a_mirror_without_the_suite_is_told_as_such(mirror: Mirror, downloader: Downloader, host_root: str) -> None:
    with pytest.raises(Unreachable, match=r"InRelease: HTTP 404") as caught:
        open_it(downloader, host_root)

    assert caught.value.hint is not None
    assert "does not carry the suite" in caught.value.hint


def test_a_host_without_a_mirror_is_asked_for_one(tmp_path: Path, downloader: Downloader) -> None:
    with pytest.raises(NoMirror) as caught:
        open_it(downloader, str(tmp_path))

    assert caught.value.hint is not None
    assert "--mirror" in caught.value.hint


def test_a_mirror_on_the_command_line_is_used_alone(
    archive: LocalArchive, mirror: Mirror, downloader: Downloader, tmp_path: Path, key: Key
) -> None:
    archive.add(Deb("hello"))
    archive.publish()
    keyring = key.save(tmp_path / "k.gpg")

    opened = open_it(downloader, str(tmp_path), mirrors=(mirror.url,), keyrings=(str(keyring),))

    # Its updates are asked for, and not missed where there are none.
    assert [source.suite for source in opened.sources] == [SUITE]
    assert mirror.asked(f"{SUITE}-updates/InRelease") == [None]


def test_updates_bring_newer_versions(
    archive: LocalArchive, downloader: Downloader, host_root: str, mirror: Mirror
) -> None:
    archive.add(Deb("hello", "1.0"))
    archive.add(Deb("hello", "1:0.5"), suite=f"{SUITE}-updates")
    archive.publish()
    archive.publish(suite=f"{SUITE}-updates")

    opened = open_it(
        downloader, host_root, mirrors=(mirror.url,), keyrings=(f"{host_root}/usr/share/keyrings/tests.gpg",)
    )

    newest = opened.index.newest("hello")
    assert newest is not None
    assert str(newest.version) == "1:0.5"
