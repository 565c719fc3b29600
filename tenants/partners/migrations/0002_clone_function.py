"""Install the schema-cloning function once.

django-tenants would drop and re-create it (230 KB of SQL) for every clone, which fails when two
clones run at once.
"""

from django.db import migrations
from django_tenants.clone import CLONE_SCHEMA_FUNCTION


def install(apps, schema_editor):
    user = schema_editor.connection.settings_dict.get("USER") or "postgres"
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(CLONE_SCHEMA_FUNCTION.format(db_user=user))


class Migration(migrations.Migration):
    dependencies = [("partners", "0001_initial")]
    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
