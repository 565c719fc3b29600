"""The list of points: where between receiving and settling a process may be struck.

Names say what is true when the process dies there. A structure of data only, so that it can be
read in one go; `failpoints` gives it its meaning.
"""

from __future__ import annotations

#: name, module:attribute as the engine calls it, before or after, and whether an empty answer
#: means that nothing was done (then the point wasn't passed).
FUNCTIONS: tuple[tuple[str, str, str, bool], ...] = (
    # The front door: heard, not stored · stored, not answered · answered, nobody rung.
    ("door.heard", "hub.sync.ingress:FrontDoor._commit", "before", False),
    ("door.stored", "hub.sync.ingress:FrontDoor._commit", "after", True),
    ("door.answered", "hub.sync.ingress:_ring", "before", False),
    # The doorbell: set, the message not sent · not yet deleted · deleted, nothing read.
    ("bell.set", "hub.sync.doorbell:set_bell", "after", True),
    ("bell.taken", "hub.sync.doorbell:clear", "before", False),
    ("bell.deleted", "hub.sync.doorbell:clear", "after", False),
    # Polling: elected · the page kept, its transaction open · all pages stored, no next date.
    ("poll.elected", "hub.sync.poll:due_streams", "after", True),
    ("poll.page_kept", "hub.sync.poll:receive", "after", False),
    ("poll.read", "hub.sync.poll:_pages", "after", False),
    # Reading again what was hinted at.
    ("reread.asked", "hub.sync.normalize:_read_again", "before", False),
    ("reread.kept", "hub.sync.normalize:receive_reread", "after", False),
    ("reread.done", "hub.sync.normalize:_read_again", "after", False),
    # Normalising, step by step within its one transaction.
    ("normalise.claimed", "hub.sync.normalize:_guarded", "before", False),
    ("normalise.understood", "hub.sync.normalize:_sort", "after", False),
    ("normalise.mapped", "hub.sync.normalize:_map", "after", False),
    ("normalise.matched", "hub.sync.normalize:match", "after", False),
    ("normalise.merged", "hub.sync.merge:merge", "after", False),
    ("normalise.stored", "hub.sync.normalize:store", "after", False),
    ("normalise.routed", "hub.sync.route:route", "after", False),
    ("normalise.milestones", "hub.sync.milestones:derive", "after", False),
    ("normalise.derived", "hub.sync.availability:recompute", "after", False),
    ("normalise.parked", "hub.sync.normalize:_park", "after", False),
    ("normalise.marked", "hub.sync.normalize:_done", "after", False),
    # Claiming: asked · leased, attempts counted.
    ("claim.asked", "hub.sync.claim:claim", "before", False),
    ("claim.leased", "hub.sync.claim:claim", "after", True),
    ("claim.given_back", "hub.sync.claim:give_back", "after", False),
    # Freezing: nothing fixed · rendered, not stored · version, bytes and key stored.
    ("freeze.begun", "hub.sync.deliver:freeze", "before", False),
    ("freeze.rendered", "hub.sync.freeze:_rendered", "after", False),
    ("freeze.stored", "hub.sync.freeze:_store", "after", False),
    # What lacks something at its target.
    ("needs.begun", "hub.sync.needs:block", "before", False),
    ("needs.freed", "hub.sync.needs:free", "after", True),
    # The call: about to look up or to write · about to write · answered, nothing written down.
    ("call.begun", "hub.sync.deliver:_Run.begin", "before", False),
    ("call.writing", "hub.sync.deliver:_Run.start", "before", False),
    ("call.answered", "hub.sync.deliver:_Run.advance", "before", False),
    ("batch.begun", "hub.sync.deliver:_send_batch", "before", False),
    ("batch.answered", "hub.sync.deliver:_send_batch", "after", False),
    # A write of several calls: a step had its effect · it is kept.
    ("step.reported", "hub.sync.settle:step", "before", False),
    ("step.kept", "hub.sync.settle:step", "after", False),
    # Settling, step by step within its one transaction.
    ("settle.begun", "hub.sync.settle:_confirm", "before", False),
    ("settle.locked", "hub.sync.settle:_lock_records", "after", False),
    ("settle.bound", "hub.sync.settle:_bind", "after", False),
    ("settle.delivered", "hub.sync.settle:_mark_delivered", "after", False),
    ("settle.metered", "hub.sync.settle:_meter", "after", False),
    ("settle.shown", "hub.sync.settle:show_stock", "after", False),
    ("settle.attempted", "hub.sync.settle:record_attempts", "after", False),
    # A failure was judged; the target is told to be unwell.
    ("failure.begun", "hub.sync.settle:failed", "before", False),
    ("failure.tripped", "hub.sync.breaker:tripped", "after", False),
    # The net under it all.
    ("sweep.found", "hub.sync.sweep:due", "after", True),
)

#: Step, module whose transactions are meant, moments.
COMMITS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("poll", "hub.sync.poll", ("begin", "before_commit", "after_commit")),
    ("normalise", "hub.sync.normalize", ("begin", "before_commit", "after_commit")),
    ("needs", "hub.sync.needs", ("before_commit", "after_commit")),
    ("settle", "hub.sync.settle", ("before_commit", "after_commit")),
    ("failure", "hub.sync.failures", ("before_commit", "after_commit")),
)

#: Where an inbox event's body is understood.
POISON_READER = "hub.sync.normalize:_understand"
