"""The schema, an area a module: declarations only. Import from `app.models`, its table of contents."""
