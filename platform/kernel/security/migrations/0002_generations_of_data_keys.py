from django.db import migrations, models


class Migration(migrations.Migration):
    """A data key has a generation; beside the current one may stand the former.

    Columns are renamed and added, never dropped: a dropped one leaves a hole in the template that
    its clones don't have.
    """

    dependencies = [("security", "0001_initial")]

    operations = [
        migrations.RenameField(model_name="datakey", old_name="only", new_name="current"),
        migrations.AlterField(
            model_name="datakey",
            name="current",
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name="datakey",
            name="generation",
            field=models.PositiveSmallIntegerField(default=1, unique=True),
        ),
        migrations.AddConstraint(
            model_name="datakey",
            constraint=models.UniqueConstraint(
                condition=models.Q(("current", True)),
                fields=("current",),
                name="one_current_data_key",
            ),
        ),
    ]
