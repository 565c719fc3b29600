"""Storage parameters of the hot tables (engine.md section 3.1; research: 813,000 non-HOT updates
became 569,800 HOT ones). Vacuum early and without pauses: these tables turn over all day."""

from django.db import migrations

VACUUM = "autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0"
TABLES = {
    "sync_delivery": f"fillfactor = 80, {VACUUM}",
    "sync_record": f"fillfactor = 80, {VACUUM}",
    "sync_binding": f"fillfactor = 80, {VACUUM}",
    "sync_work": f"fillfactor = 70, {VACUUM}",
    "sync_inboxevent": f"fillfactor = 80, {VACUUM}",
    "sync_checkpoint": "fillfactor = 50",
    "sync_lane": "fillfactor = 50",
}


class Migration(migrations.Migration):
    dependencies = [("sync", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql=[f"ALTER TABLE {table} SET ({options})" for table, options in TABLES.items()],
            reverse_sql=[
                f"ALTER TABLE {table} RESET ({', '.join(o.split('=')[0] for o in options.split(','))})"
                for table, options in TABLES.items()
            ],
        )
    ]
