from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('windsock', '0003_workflows'),
    ]

    operations = [
        migrations.AddField(
            model_name='taskrun',
            name='output',
            field=models.TextField(blank=True, db_default='', default=''),
        ),
    ]
