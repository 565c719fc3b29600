"""A partner leaves: what is owed is delivered or told, what it has is handed over, then it goes."""
