"""`python -m django_admin`: Django's own tables and an administrator, who asks no permission of the database."""

import django
from django.core.management import call_command

django.setup()
call_command("migrate", verbosity=0)

from django.contrib.auth.models import User  # noqa: E402

if not User.objects.filter(username="hana").exists():
    User.objects.create_superuser("hana", "hana@example.invalid", "a long word of the tests")
