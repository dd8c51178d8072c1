"""Defects that can be put into the reference on purpose: what a good suite must notice.

CATALOGUE                   every defect by id
inject(parts, ids)          the parts of a reference that has these defects
flow_of(ids)                the visitor's page with these defects
migrated(ids, file, sql)    a file of the migration history with these defects
schema_key(ids)             what names the schema that they make
VARIANTS                    correct references that look different; no scenario may mind them
"""

from __future__ import annotations

from .catalogue import CATALOGUE
from .defect import Defect
from .injecting import flow_of, inject, migrated, schema_key
from .variants import VARIANTS

__all__ = ["CATALOGUE", "VARIANTS", "Defect", "flow_of", "inject", "migrated", "schema_key"]
