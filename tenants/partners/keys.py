"""Change every key of the installation, in traffic, and resumably."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from kernel.audit.record import record
from kernel.security import keyring, rotation
from kernel.security.envelope import fingerprint
from kernel.security.models import DataKey
from tenants.context import partner_context, public_context
from tenants.partners.models import Partner

Tell = Callable[[str], None]
SUBJECT = "installation:vault"


class StillInUse(RuntimeError):
    """A former key can't be forgotten: something is still under it. Run the rotation again."""


def rotate_keys(*, actor: str, tell: Tell, data_keys: bool = True) -> None:
    """A new master key beside the old; every data key under it; with ``data_keys`` a new data key
    for each partner and its secrets sealed anew; then the former master keys are forgotten.

    Killed at any point it is gone on with by the next call: while former keys are in the file, no
    further one is made. Raises keyring.FromEnvironment when a new key must come from the operator.
    """
    began = _master_key(actor, tell)
    for partner in _partners():
        with partner_context(partner), transaction.atomic():
            if rotation.rewrap():
                record(actor, "vault.rewrapped", f"partner:{partner.pk}")
    tell("Every partner's data key is under the key in force.")
    if data_keys:
        for partner in _partners():
            with partner_context(partner):
                _data_key(partner, began, actor, tell)
    _forget(actor, tell)


def _master_key(actor: str, tell: Tell) -> datetime:
    """Put a new key in force unless a rotation is under way; returns since when it is in force."""
    if not keyring.is_ours_to_change():
        if len(keyring.keys()) == 1:
            raise keyring.FromEnvironment(
                "The vault's keys come from the environment: put a new one into "
                "CROSSDOCK_VAULT_KEY and the former into CROSSDOCK_VAULT_KEYS_OLD, restart all "
                "processes, and run this again."
            )
        return timezone.now()
    if len(keyring.keys()) == 1:
        named = fingerprint(keyring.add())
        with public_context():
            record(actor, "vault.key-made", SUBJECT, {"key": named})
        tell(f"The new master key is {named}.")
    else:
        tell(f"A rotation was cut short; going on with {fingerprint(keyring.in_force())}.")
    changed = Path(settings.VAULT_KEY_FILE).stat().st_mtime
    return datetime.fromtimestamp(changed, tz=timezone.get_default_timezone())


def _data_key(partner: Partner, since: datetime, actor: str, tell: Tell) -> None:
    newest = DataKey.objects.filter(current=True).first()
    done = newest is None or (newest.created_at > since and not rotation.unfinished())
    if done:
        return
    with transaction.atomic():
        if rotation.begin():
            record(actor, "vault.data-key-changed", f"partner:{partner.pk}")
    moved = rotation.rotate()
    tell(f"{partner.slug}: {moved} secrets under a new data key.")


def _forget(actor: str, tell: Tell) -> None:
    if not keyring.is_ours_to_change():
        tell("Take the former keys out of CROSSDOCK_VAULT_KEYS_OLD and restart: nothing is under "
             "them any more.")  # fmt: skip
        return
    with public_context(), transaction.atomic():
        # Nobody wraps anything meanwhile, so what isn't in use now stays unused.
        rotation.hold_ring(alone=True)
        named = fingerprint(keyring.in_force())
        left = [partner.slug for partner in _partners() if _used_by(partner) - {named}]
        if left:
            raise StillInUse(f"Former keys are still in use by {', '.join(left)}: run this again.")
        keyring.forget_former()
        record(actor, "vault.key-forgotten", SUBJECT, {"key": named})
    tell("The former master keys are forgotten.")


def _used_by(partner: Partner) -> set[str]:
    with partner_context(partner):
        return rotation.in_use()


def _partners() -> Iterator[Partner]:
    """Closing ones too: what they still owe is delivered with their secrets."""
    with public_context():
        found = list(Partner.objects.order_by("slug"))
    yield from found
