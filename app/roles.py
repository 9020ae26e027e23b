"""The vocabulary of rights: what may be done, and how far it reaches. Who may what is data (`role_grant`)."""

from __future__ import annotations

import enum

from app.columns import Choice


class Act(Choice):
    """What a grant allows on one kind of record."""

    read = enum.auto(), "查看", "View"
    create = enum.auto(), "新建", "Create"
    edit = enum.auto(), "编辑", "Edit"
    delete = enum.auto(), "删除", "Delete"
    bring_in = enum.auto(), "导入", "Import"
    bring_in_large = enum.auto(), "大批量导入", "Import large files"
    adopt_history = enum.auto(), "录入历史数据", "Enter opening data"
    take_out = enum.auto(), "导出", "Export"
    reveal = enum.auto(), "查看敏感信息", "See sealed fields"
    see_confidential = enum.auto(), "查看保密字段", "See confidential fields"
    reassign = enum.auto(), "变更负责人", "Change the owner"
    merge = enum.auto(), "合并", "Merge"
    submit = enum.auto(), "提交审批", "Submit for approval"
    run = enum.auto(), "执行", "Run"
    publish = enum.auto(), "发布", "Publish"
    administer = enum.auto(), "管理", "Administer"


class Reach(Choice):
    """How far a grant reaches over records that have an owner."""

    own = enum.auto(), "本人", "Own"
    team = enum.auto(), "本组", "Own team"
    unit = enum.auto(), "本部门", "Own department"
    all = enum.auto(), "全部", "All"


BREADTH = (Reach.own, Reach.team, Reach.unit, Reach.all)
"""The reaches from the narrowest to the widest; several roles of a person are united by the widest."""
