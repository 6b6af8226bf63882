"""Kinds that are asked and not stored: who am I, and may I. There is one user, who may do everything."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]

USER = {"username": "kubernetes-admin", "groups": ["system:masters", "system:authenticated"]}


def who_am_i(body: Obj) -> Obj:
    return body | {"status": {"userInfo": USER}}


def may_i(body: Obj) -> Obj:
    return body | {"status": {"allowed": True, "reason": "the one user of this cluster may do everything"}}
