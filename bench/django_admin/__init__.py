"""Django's admin over our own tables, as a Django project would set it up; runs in an environment of its own."""
