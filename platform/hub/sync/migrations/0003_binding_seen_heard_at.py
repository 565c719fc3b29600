"""When the push that a view rests on was heard: a reading that began before proves nothing."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0002_storage")]

    operations = [
        migrations.AddField(
            model_name="binding",
            name="seen_heard_at",
            field=models.DateTimeField(null=True),
        ),
    ]
