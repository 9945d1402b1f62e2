"""The one table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Report",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("title", models.CharField(max_length=100)),
            ],
            options={"ordering": ("id",)},
        ),
        migrations.RunSQL("INSERT INTO shop_report (title) VALUES ('Report 1')", migrations.RunSQL.noop),
    ]
