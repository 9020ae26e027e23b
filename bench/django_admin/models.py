"""Our tables as Django sees them; it neither makes nor changes them."""

from django.db import models

STATUSES = ["prospect", "applicant", "active", "dormant", "suspended", "ended", "anonymised"]
PARTIES = ["company", "individual", "dealer", "farm", "institution"]
KINDS = ["quotation", "order", "goods_return", "cancellation", "adjustment"]
STATES = ["draft", "confirmed", "closed", "voided"]


def one_of(words, **more):
    return models.CharField(max_length=30, choices=[(word, word) for word in words], **more)


def text(**more):
    return models.CharField(max_length=255, null=True, blank=True, **more)


def link(to, **more):
    return models.ForeignKey(to, models.PROTECT, null=True, blank=True, related_name="+", **more)


class Titled(models.Model):
    class Meta:
        abstract = True

    def __str__(self):
        return str(getattr(self, self.title))


class Lookup(Titled):
    title = "name_zh"
    category = models.CharField(max_length=60)
    code = models.CharField(max_length=60)
    name_zh = models.CharField(max_length=255)

    class Meta:
        managed = False
        db_table = "lookup"


class Unit(Titled):
    title = "name_zh"
    name_zh = models.CharField(max_length=255)

    class Meta:
        managed = False
        db_table = "org_unit"


class Employee(Titled):
    title = "name"
    no = models.CharField(max_length=60)
    name = models.CharField(max_length=255)

    class Meta:
        managed = False
        db_table = "employee"


class Customer(Titled):
    title = "name"
    code = models.CharField(max_length=60, null=True, unique=True)
    name = models.CharField(max_length=255)
    short_name = text()
    party_type = one_of(PARTIES)
    status = one_of(STATUSES)
    is_key = models.BooleanField()
    grade = models.CharField(max_length=20, null=True, blank=True)
    credit_code = models.CharField(max_length=18, null=True, blank=True, unique=True)
    legal_representative = text()
    registered_capital = text()
    established_on = models.DateField(null=True, blank=True)
    industry = link(Lookup, limit_choices_to={"category": "industry"})
    region = link(Lookup, limit_choices_to={"category": "region"})
    size = link(Lookup, limit_choices_to={"category": "size"})
    source_channel = link(Lookup, limit_choices_to={"category": "source_channel"})
    payment_method = link(Lookup, limit_choices_to={"category": "payment_method"})
    address = text()
    website = text()
    business_scope = models.TextField(null=True, blank=True)
    reviewed_on = models.DateField(null=True, blank=True)
    referrer = link("self")
    remark = models.TextField(null=True, blank=True)
    owner = link(Employee)
    org_unit = link(Unit)
    admitted_on = models.DateField(null=True, blank=True)
    first_order_on = models.DateField(null=True, blank=True)
    last_order_on = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        managed = False
        db_table = "customer"


class Order(Titled):
    title = "no"
    no = models.CharField(max_length=60, unique=True)
    kind = one_of(KINDS)
    customer = link(Customer)
    ordered_at = models.DateTimeField()
    total = models.BigIntegerField()
    status = one_of(STATES)
    requested_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    corrected = models.BooleanField()
    required_on = models.DateField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    country = text()
    owner = link(Employee)
    org_unit = link(Unit)
    remark = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        managed = False
        db_table = "sales_document"
