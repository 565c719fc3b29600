"""Copy a schema's structure, exactly: every name, constraint, index, trigger and parameter.

PostgreSQL describes each object itself (`pg_get_*def`). Asked with the template first in the
search path it leaves the schema's name out, so the same sentence run with the clone first in the
search path makes the same object there. Tables come from `LIKE` (columns, identities, generated
columns, storage, comments); what `LIKE` loses or would rename is made one by one.

Not django-tenants' own function: it adds a second copy of every unique constraint over several
columns and drops storage parameters (tests/structure/test_catalogue.py compares everything).
"""

from __future__ import annotations

from django.db.backends.utils import CursorWrapper

TABLES = """
SELECT format('CREATE TABLE %%I.%%I (LIKE %%I.%%I'
              ' INCLUDING ALL EXCLUDING INDEXES EXCLUDING CONSTRAINTS)',
              %(clone)s, c.relname, %(template)s, c.relname)
FROM pg_class c WHERE c.relnamespace = %(template)s::regnamespace AND c.relkind = 'r'
ORDER BY c.relname"""

SEQUENCES = """
SELECT format('CREATE SEQUENCE %%I AS %%s INCREMENT %%s MINVALUE %%s MAXVALUE %%s'
              ' START %%s CACHE %%s%%s',
              c.relname, format_type(s.seqtypid, NULL), s.seqincrement, s.seqmin, s.seqmax,
              s.seqstart, s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END)
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
WHERE c.relnamespace = %(template)s::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'i')
ORDER BY c.relname"""

DEFAULTS = """
SELECT format('ALTER TABLE %%I ALTER COLUMN %%I SET DEFAULT %%s',
              c.relname, a.attname, pg_get_expr(d.adbin, d.adrelid))
FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid
JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE c.relnamespace = %(template)s::regnamespace AND c.relkind = 'r' AND a.attgenerated = ''"""

OWNED = """
SELECT format('ALTER SEQUENCE %%I OWNED BY %%I.%%I', q.relname, c.relname, a.attname)
FROM pg_depend d JOIN pg_class q ON q.oid = d.objid AND q.relkind = 'S'
JOIN pg_class c ON c.oid = d.refobjid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
WHERE q.relnamespace = %(template)s::regnamespace AND d.deptype = 'a'
  AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass"""

PARAMETERS = """
SELECT format('ALTER TABLE %%I SET (%%s)', c.relname,
              array_to_string(c.reloptions
                || ARRAY(SELECT 'toast.' || option FROM unnest(t.reloptions) option), ', '))
FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
WHERE c.relnamespace = %(template)s::regnamespace AND c.relkind = 'r'
  AND coalesce(c.reloptions, t.reloptions) IS NOT NULL"""

CONSTRAINTS = """
SELECT format('ALTER TABLE %%I ADD CONSTRAINT %%I %%s', c.relname, k.conname,
              pg_get_constraintdef(k.oid))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = %(template)s::regnamespace AND k.contype IN ('p', 'u', 'x', 'c', 'f')
ORDER BY k.contype = 'f', c.relname, k.conname"""
"""Foreign keys last: they need the keys they point to."""

INDEXES = """
SELECT pg_get_indexdef(i.indexrelid, 0, true) FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relnamespace = %(template)s::regnamespace
  AND NOT EXISTS (SELECT FROM pg_constraint k
                  WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))"""

TRIGGERS = """
SELECT pg_get_triggerdef(t.oid, true) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = %(template)s::regnamespace AND NOT t.tgisinternal"""

STEPS = (SEQUENCES, TABLES, DEFAULTS, OWNED, PARAMETERS, CONSTRAINTS, INDEXES, TRIGGERS)


def clone(cursor: CursorWrapper, template: str, name: str) -> None:
    """Make the schema ``name`` in the caller's transaction; no rows but `django_migrations`.

    Both names come from us and need no quoting. Functions, views and types are not copied: the
    structure test fails on the first migration that puts one into a partner's schema.
    """
    where = {"template": template, "clone": name}
    cursor.execute(f'CREATE SCHEMA "{name}"')
    for step in STEPS:
        _look_into(cursor, template)
        cursor.execute(step, where)
        statements = [row[0] for row in cursor.fetchall()]
        _look_into(cursor, name)
        if statements:
            cursor.execute(";\n".join(statements))
    cursor.execute(
        f'INSERT INTO "{name}".django_migrations OVERRIDING SYSTEM VALUE'  # noqa: S608  our names
        f' SELECT * FROM "{template}".django_migrations ORDER BY id'
    )
    cursor.execute(
        "SELECT setval(pg_get_serial_sequence('django_migrations', 'id'),"
        " (SELECT max(id) FROM django_migrations))"
    )
    _look_into(cursor, "public")


def _look_into(cursor: CursorWrapper, schema: str) -> None:
    cursor.execute("SELECT set_config('search_path', %s, true)", [f'"{schema}", public'])
