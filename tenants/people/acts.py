"""Acts on people and their roles that the audit knows. Ids only: addresses can be erased."""

from __future__ import annotations

from kernel.audit import acts

acts.register(
    {
        "member.added": "{actor} made {subject} a member with the role {role}",
        "member.role-changed": "{actor} changed the role of {subject} from {old} to {new}",
        "member.removed": "{actor} ended the membership of {subject}",
        "member.invited": "{actor} invited someone with the role {role}",
        "member.joined": "{actor} accepted an invitation with the role {role}",
    }
)
