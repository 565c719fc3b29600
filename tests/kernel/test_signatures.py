"""Who signed this body?"""

from __future__ import annotations

import pytest

from kernel.security.signatures import fresh, matches, sign

BODY = b'{"id": 10432}'


def test_the_known_answer_of_rfc_4231_case_2() -> None:
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert sign("Jefe", b"what do ya want for nothing?", encoding="hex") == expected


@pytest.mark.parametrize("encoding", ["base64", "hex"])
@pytest.mark.parametrize("digest", ["sha256", "sha1", "sha512"])
def test_a_signed_body_is_known_under_either_secret_of_a_rotation(encoding, digest) -> None:
    given = sign("new", BODY, encoding=encoding, digest=digest)
    assert matches(["new"], BODY, given, encoding=encoding, digest=digest)
    assert matches(["old", "new"], BODY, f" {given} ", encoding=encoding, digest=digest)
    assert not matches(["old"], BODY, given, encoding=encoding, digest=digest)


def test_every_flipped_bit_of_the_body_is_refused() -> None:
    given = sign("secret", BODY)
    for position in range(len(BODY) * 8):
        changed = bytearray(BODY)
        changed[position // 8] ^= 1 << position % 8
        assert not matches(["secret"], bytes(changed), given)


@pytest.mark.parametrize("given", ["", "====", "ümlaut", "\ud800", sign("", BODY)])
def test_rubbish_and_the_empty_secret_never_fit(given) -> None:
    assert not matches(["secret", ""], BODY, given)
    assert not matches([], BODY, given)


def test_hexadecimal_may_be_upper_case_and_base64_may_not() -> None:
    assert matches(["s"], BODY, sign("s", BODY, encoding="hex").upper(), encoding="hex")
    assert not matches(["s"], BODY, sign("s", BODY).swapcase())


@pytest.mark.parametrize(
    ("age", "good"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)]
)
def test_an_old_or_future_timestamp_is_not_fresh(age, good) -> None:
    assert fresh(1_000_000 - age, 1_000_000) is good
