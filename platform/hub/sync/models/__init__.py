"""The rows of the path, all in a partner's schema. See docs/architecture.md for the picture.

Inbox, versions, attempts and usage have no foreign keys: they are written on the hot path, kept
and deleted on their own, and outlive what they speak of.
"""

from hub.sync.models.deliveries import Attempt, Commitment, Delivery, Need, Work
from hub.sync.models.exceptions import BusinessException
from hub.sync.models.inbox import Checkpoint, InboxEvent, Lane
from hub.sync.models.records import Binding, Record, RecordKey, RecordVersion

__all__ = [
    "Attempt",
    "Binding",
    "BusinessException",
    "Checkpoint",
    "Commitment",
    "Delivery",
    "InboxEvent",
    "Lane",
    "Need",
    "Record",
    "RecordKey",
    "RecordVersion",
    "Work",
]
