"""`manage.py apply`: what an installation should hold, declared in one file (docs/apply.md)."""
