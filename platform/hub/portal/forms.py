"""What a person may say to an exception."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from tenants.people.models import User

SNOOZES = {
    "hour": ("for an hour", timedelta(hours=1)),
    "day": ("until tomorrow, this time", timedelta(days=1)),
    "week": ("for a week", timedelta(days=7)),
}


class AssignForm(forms.Form):
    """``to``: one of the people given to the form."""

    to = forms.ChoiceField(
        label="Who takes it", error_messages={"required": "Choose who takes it."}
    )

    def __init__(self, *args: Any, people: list[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._people = {str(user.pk): user for user in people}
        field = self.fields["to"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  told to the type checker
        field.choices = [(key, str(user)) for key, user in self._people.items()]

    @property
    def person(self) -> User:
        return self._people[self.cleaned_data["to"]]


class SnoozeForm(forms.Form):
    """``until``: one of SNOOZES."""

    until = forms.ChoiceField(
        label="How long", choices=[(key, words) for key, (words, _) in SNOOZES.items()]
    )

    @property
    def moment(self) -> datetime:
        return timezone.now() + SNOOZES[self.cleaned_data["until"]][1]


class ResolveForm(forms.Form):
    """A note for whoever meets the same cause again; ``again``: send what waits at once."""

    note = forms.CharField(
        label="What was done",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say in a few words what was done."},
    )
    again = forms.BooleanField(label="Try again what it holds up", required=False, initial=True)


class IgnoreForm(forms.Form):
    """The reason is required: ignoring is a decision somebody must be able to explain."""

    reason = forms.CharField(
        label="Why it may be ignored",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Give the reason: it is kept with your name."},
    )


class PauseForm(forms.Form):
    """Shown to everyone who meets the paused connection."""

    reason = forms.CharField(
        label="Why it is paused",
        max_length=500,
        error_messages={"required": "Say why, so that others know when to resume it."},
    )
