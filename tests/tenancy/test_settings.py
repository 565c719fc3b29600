"""What an operator writes into the environment, as the settings understand it."""

from __future__ import annotations

import pytest

from hub.config.environment import mail


def test_an_address_with_a_password_sends_mail_encrypted() -> None:
    found = mail("smtp://post%40shop:s%2Fecret@mail.example:2525")
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == ("mail.example", 2525)
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == ("post@shop", "s/ecret")
    assert found["EMAIL_USE_TLS"] and not found["EMAIL_USE_SSL"]
    assert mail("smtps://mail.example")["EMAIL_PORT"] == 465


def test_without_an_address_mails_are_written_to_the_log() -> None:
    assert mail("")["EMAIL_BACKEND"].endswith("console.EmailBackend")


def test_an_address_of_another_kind_is_refused_with_the_form_it_must_have() -> None:
    with pytest.raises(ValueError, match="smtp://user:password@host"):
        mail("http://mail.example")
