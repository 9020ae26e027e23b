"""A plain Django project with the admin in it; the database and the reach come from the environment."""

import json
import os
from urllib.parse import urlsplit

URL = urlsplit(os.environ["BENCH_DATABASE"])
SCOPE = json.loads(os.environ.get("BENCH_SCOPE", "null"))
"""The units whose rows the person may see, and who he is; null: everything."""

if URL.scheme.startswith("postgresql"):
    DATABASE = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": URL.path[1:],
        "USER": URL.username,
        "HOST": URL.hostname,
        "PORT": URL.port,
        "CONN_MAX_AGE": None,
    }
else:
    DATABASE = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": URL.path[1:],
        "CONN_MAX_AGE": None,
        "OPTIONS": {"timeout": 60},
    }
DATABASES = {"default": DATABASE}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"

DEBUG = False
SECRET_KEY = "bench" * 10
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "django_admin.urls"
STATIC_URL = "static/"
LANGUAGE_CODE = "zh-hans"
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_admin",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
