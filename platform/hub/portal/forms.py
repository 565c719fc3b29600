"""What a person may say to an exception, a system, or a delivery."""

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


class RecreateForm(forms.Form):
    """``gone``: whoever creates it anew has looked, or there will be two of it."""

    gone = forms.BooleanField(
        label="I have looked there: it is gone",
        error_messages={"required": "Look there first: if it still exists there would be two."},
    )


class DeclareForm(forms.Form):
    """``verdict``: arrived or missing. An arrival needs ``external_id``, because what depends on
    the record is written under it, unless it is known (``named``)."""

    verdict = forms.ChoiceField(
        widget=forms.RadioSelect,
        error_messages={"required": "Say which of the two it is."},
    )
    external_id = forms.CharField(max_length=200, required=False)

    def __init__(self, *args: Any, title: str, named: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._named = named
        verdict, external = self.fields["verdict"], self.fields["external_id"]
        assert isinstance(verdict, forms.ChoiceField)  # noqa: S101  told to the type checker
        verdict.label = f"Is it in {title}?"
        verdict.choices = [("arrived", "Yes, it arrived"), ("missing", "No: send it")]
        external.label = f"Its id in {title}, if it arrived"
        if named:
            del self.fields["external_id"]

    @property
    def arrived(self) -> bool:
        return bool(self.cleaned_data.get("verdict") == "arrived")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = {"external_id": "", **(super().clean() or {})}
        if self.arrived and not self._named and not cleaned["external_id"]:
            self.add_error(
                "external_id",
                "Give the id it has there: payments and returns of it are written under it.",
            )
        return cleaned
