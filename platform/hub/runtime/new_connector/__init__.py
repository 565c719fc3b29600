"""`manage.py new_connector NAME`: a connector's folder, complete but for its blanks."""
