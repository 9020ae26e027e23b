"""The admin as its manual says: listed columns, filters, search, autocompletion, related rows named for the list."""

from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django_admin.models import Customer, Employee, Lookup, Order


class Scoped(admin.ModelAdmin):
    """Twenty-five rows a page, the newest first, and of them those within the reach of the person."""

    list_per_page = 25
    ordering = ["-id"]

    def get_queryset(self, request):
        rows = super().get_queryset(request).filter(deleted_at=None)
        if settings.SCOPE is None:
            return rows
        return rows.filter(Q(org_unit_id__in=settings.SCOPE["units"]) | Q(owner_id=settings.SCOPE["owner"]))


@admin.register(Customer)
class CustomerAdmin(Scoped):
    list_display = ["code", "name", "status", "is_key", "grade", "region", "owner", "last_order_on"]
    list_select_related = ["region", "owner"]
    list_filter = ["status", "region"]
    search_fields = ["code", "name"]
    autocomplete_fields = ["owner", "referrer"]
    readonly_fields = [
        "code",
        "grade",
        "status",
        "org_unit",
        "admitted_on",
        "first_order_on",
        "last_order_on",
    ]
    exclude = ["deleted_at"]


@admin.register(Order)
class OrderAdmin(Scoped):
    list_display = ["no", "kind", "customer", "ordered_at", "total", "status"]
    list_select_related = ["customer"]
    list_filter = ["kind", "status"]
    search_fields = ["no"]
    autocomplete_fields = ["customer"]
    readonly_fields = ["total", "status", "owner", "org_unit"]
    exclude = ["deleted_at"]


@admin.register(Employee)
class EmployeeAdmin(admin.ModelAdmin):
    search_fields = ["name"]


@admin.register(Lookup)
class LookupAdmin(admin.ModelAdmin):
    search_fields = ["name_zh"]
