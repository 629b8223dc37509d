"""The pinned packages: the repository's lock files are sound, and a fault in them is caught."""

from __future__ import annotations

import pytest

from tools.lock_files import client_faults, faults, main, pins

HASH = "    --hash=sha256:00"
A, A2, B = (f"{pin} \\\n{HASH}\n" for pin in ("a-b==1.0", "a-b==2.0", "b==1.0 ; sys_platform == 'win32'"))


def test_the_lock_files_of_this_repository_are_sound(capsys: pytest.CaptureFixture[str]) -> None:
    """Both pin all that is asked for, agree on every version, and name no place to fetch from."""
    code = main()
    assert ("", 0) == (capsys.readouterr().out, code)


def test_a_lock_file_is_read_whole() -> None:
    """Names, versions and markers are read; two versions under two markers are both kept."""
    assert {"a-b": {"1.0", "2.0"}, "b": {"1.0 ; sys_platform == 'win32'"}} == pins("# made by\n" + A + B + A2)


def test_tests_may_need_everywhere_what_the_product_needs_somewhere() -> None:
    """A marker may go in the second file; the version stays."""
    assert [] == faults(A + B, A + B.replace(" ; sys_platform == 'win32'", ""), ["a-b"], ["a-b"])


def test_sound_lock_files_have_no_faults() -> None:
    """Spellings of one name are one name, and comments and constraints ask for nothing."""
    assert [] == faults(A, A + B, ["A_b>=1"], ["# x", "-c runtime.txt", "A.b", "b"])


@pytest.mark.parametrize(
    ("runtime", "dev", "wanted"),
    [
        (A, A2 + B, "a-b: runtime.txt has ['1.0'], dev.txt ['2.0']"),
        (A, B, "a-b: runtime.txt has ['1.0'], dev.txt []"),
        (A, A, "dev.txt: b is asked for and not pinned"),
        (A + "# from https://example.com\n", A + B, "runtime.txt: line 3 names a place to fetch from"),
        (A, A + B + "--extra-index-" + "url x\n", "dev.txt: line 5 names a place to fetch from"),
    ],
)
def test_a_fault_in_the_lock_files_is_caught(runtime: str, dev: str, wanted: str) -> None:
    """Two versions of one package, a package left out, or an address: each is named."""
    found = faults(runtime, dev, ["a-b"], ["a-b", "b"])
    assert any(wanted in each for each in found)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (A, []),
        (B, ["c.txt: a-b is asked for and not pinned; run `make lock`"]),
        ("", ["c.txt: a-b is asked for and not pinned; run `make lock`"]),
    ],
)
def test_a_clients_lock_file_stands_by_itself(text: str, wanted: list[str]) -> None:
    """A published client is pinned in its own file, whatever the product's files pin."""
    assert wanted == client_faults("c.txt", text, ["# why", "A_b==1.0"])
