"""May this text be sent to somebody's database as the query of a stream? Pure.

The judge is the first of three walls; the second is the session, which is read-only and limited
in time, the third the rights of the account. So it refuses whatever it can't be sure about,
harmless statements too: databases differ in what opens a comment or escapes a quote, and a text
that two of them read differently is refused instead of understood.
"""

from __future__ import annotations

import re

#: Longer queries belong into a view.
LONGEST = 20_000

_TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*')
      | (?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`)
      | (?P<word>[^\W\d]\w*)
      | (?P<number>\d[\w.]*)
      | (?P<space>\s+)
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)

#: Words that change something, lock something, leave the database or run a text as a statement.
_REFUSED = frozenset({
    "alter", "analyze", "attach", "call", "copy", "create", "delete", "do", "drop", "dumpfile",
    "exec", "execute", "grant", "handler", "insert", "into", "load", "lock", "merge", "outfile",
    "prepare", "procedure", "revoke", "share", "truncate", "update", "vacuum",
})  # fmt: skip

#: Functions with effects, that reach files or other servers, or that only waste time.
_FUNCTIONS = re.compile(
    r"pg_(read|ls|stat_file|sleep|terminate|cancel|reload|rotate|switch|promote|advisory|try_adv"
    r"|logical|replication|create|drop|export|notify|backup|start|stop|log|wal|file)\w*"
    r"|lo_\w+|dblink\w*|set_config|setval|nextval|query_to_xml\w*|table_to_xml\w*|cursor_to_xml\w*"
    r"|schema_to_xml\w*|database_to_xml\w*|xpath_table|txid_current|inet_server_\w+"
    r"|load_file|sleep|benchmark|get_lock|release_\w*locks?|is_free_lock|is_used_lock"
    r"|master_\w+|source_pos_wait|wait_for_\w+|sys_exec|sys_eval|last_insert_id"
    r"|openrowset|opendatasource|openquery|xp_\w+|sp_\w+|utl_\w+|dbms_\w+|httpuritype"
)


def problem(query: str, dialect: str) -> str | None:
    """What is wrong with the query and the mend; None if it is one plain SELECT."""
    if len(query) > LONGEST:
        return f"The query has more than {LONGEST} characters: make a view of it."
    depth = 0
    words: list[str] = []
    for match in _TOKEN.finditer(query):
        kind, token = match.lastgroup, match.group()
        if "\\" in token or "\x00" in token:
            return "A backslash means different things to different databases: do without it."
        if kind == "word":
            words.append(token.lower())
        elif kind == "name" and _FUNCTIONS.fullmatch(token[1:-1].lower()):
            return f"{token} is refused in a query, also in quotes: do without it."
        elif kind == "name" and token[0] == "`" and dialect == "postgresql":
            return "PostgreSQL quotes names with double quotes, not with `: change them."
        elif kind == "sign":
            depth += {"(": 1, ")": -1}.get(token, 0)
            refusal = _sign(token, query[match.start() : match.start() + 2], dialect)
            if refusal or depth < 0:
                return refusal or "A bracket is closed that was never opened: correct the query."
    if depth:
        return "A bracket is opened and never closed: correct the query."
    return _words(words)


def _sign(sign: str, pair: str, dialect: str) -> str | None:
    if pair in ("--", "/*") or (sign == "#" and dialect != "postgresql"):
        return "Comments are refused in a query: put them beside it in the declaration."
    if sign == ";":
        return "Only one statement is allowed, without a semicolon: remove it."
    if sign in "'\"`":
        return "A quote is opened and never closed: correct the query."
    if sign in "$@" or pair in (":=", "&'", '&"'):
        return f"{pair!r} (variables, dollar quotes, U&) is refused: do without it."
    if ord(sign) < 32:
        return "The query holds a control character: remove it."
    return None


def _words(words: list[str]) -> str | None:
    if not words or words[0] not in ("select", "with"):
        return "A stream's query begins with SELECT or WITH: nothing else is sent to a database."
    for word in words:
        if word in _REFUSED:
            return (
                f"{word.upper()} is refused in a query: only reading is allowed. If it is the "
                "name of a column, put it in quotes."
            )
        if _FUNCTIONS.fullmatch(word):
            return f"The function {word} is refused in a query: do without it."
    return None
