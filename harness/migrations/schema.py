"""A database's schema as plain values, read in one query, and the differences between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from harness.migrations.settings import with_settings

__all__ = [
    "TABLE_MARKS",
    "Column",
    "Schema",
    "bare_type",
    "differences",
    "granted",
    "quoted_label",
    "quoted_name",
    "redeclared",
    "shapes",
    "snapshot",
]

_QUERY = """
WITH spaces AS (
  SELECT oid, nspname FROM pg_namespace
  WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND nspname !~ '^(pg_temp|pg_toast_temp|harness_)'
), relations AS (
  SELECT c.oid, c.relkind, c.relname, n.nspname, c.relpersistence, c.relreplident, c.reloptions, c.relrowsecurity, c.relforcerowsecurity, c.relacl, c.relowner,
         CASE WHEN n.nspname = 'public' AND c.relname !~ '[.]' THEN c.relname ELSE n.nspname || '.' || c.relname END AS label
  FROM pg_class c JOIN spaces n ON n.oid = c.relnamespace
  WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), guarded AS (
  SELECT label, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)) AS acl, relowner AS owner
  FROM relations WHERE relkind IN ('r', 'p', 'm', 'v', 'f', 'S')
  UNION ALL SELECT r.label || '.' || c.attname, c.attacl, r.relowner FROM relations r JOIN pg_attribute c ON c.attrelid = r.oid WHERE c.attacl IS NOT NULL
  UNION ALL SELECT 'schema ' || n.nspname, n.nspacl, n.nspowner FROM pg_namespace n JOIN spaces USING (oid)
  UNION ALL SELECT p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner FROM pg_proc p JOIN spaces n ON n.oid = p.pronamespace
    WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
), privileges AS (
  SELECT label, 'grant ' || x.privilege_type || ' to ' || coalesce(a.rolname, 'PUBLIC') || CASE WHEN x.is_grantable AND x.grantee <> g.owner
    THEN ' with grant option' ELSE '' END AS privilege, bool_or(x.grantee = g.owner) AS owns
  FROM guarded g, aclexplode(g.acl) x LEFT JOIN pg_roles a ON a.oid = x.grantee GROUP BY 1, 2
), held AS (  -- the types of all columns, read once: asked again for each type they took ten times what all the rest takes
  SELECT DISTINCT a.atttypid AS type FROM pg_attribute a JOIN pg_class h ON h.oid = a.attrelid AND h.relkind IN ('r', 'p', 'c')
  WHERE a.attnum > 0 AND NOT a.attisdropped
), kinds AS (
  SELECT t.typname, t.typrelid FROM pg_type t JOIN spaces n ON n.oid = t.typnamespace JOIN pg_class c ON c.oid = t.typrelid
  WHERE t.typtype = 'c' AND (c.relkind = 'c' OR t.oid IN (SELECT type FROM held) OR t.typarray IN (SELECT type FROM held))
)
SELECT json_build_object(
 'tables', (SELECT coalesce(json_object_agg(r.label, json_build_object('oid', r.oid::int8, 'kind', r.relkind,
      'unlogged', r.relpersistence = 'u', 'bound', pg_get_partition_constraintdef(r.oid), 'unreplicated', r.relreplident = 'n' OR r.relreplident = 'i' AND NOT EXISTS (
        SELECT FROM pg_index i WHERE i.indrelid = r.oid AND i.indisreplident), 'invoker', EXISTS (
        SELECT FROM pg_options_to_table(r.reloptions) WHERE option_name = 'security_invoker' AND option_value::boolean), 'checked', (
        SELECT option_value FROM pg_options_to_table(r.reloptions) WHERE option_name = 'check_option'), 'unvacuumed', EXISTS (
        SELECT FROM pg_options_to_table(r.reloptions) WHERE option_name = 'autovacuum_enabled' AND NOT option_value::boolean), 'row_security', r.relrowsecurity, 'forced', r.relforcerowsecurity)), '{}')
            FROM relations r WHERE r.relkind IN ('r', 'p', 'm', 'v', 'f')),
 'columns', (SELECT coalesce(json_agg(json_build_object(
      'table', r.label, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
      'default', pg_get_expr(d.adbin, d.adrelid), 'identity', a.attidentity, 'generated', a.attgenerated, 'number', a.attnum,
      'collation', (SELECT quote_ident(k.collname) FROM pg_collation k WHERE k.oid = a.attcollation AND k.collname <> 'default'))
      ORDER BY r.label, a.attnum), '[]')
    FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum WHERE r.relkind IN ('r', 'p', 'm', 'v', 'f')),
 'constraints', (SELECT coalesce(json_object_agg(r.label || '.' || k.conname, json_build_object(
      'table', r.label, 'name', k.conname, 'kind', k.contype, 'definition', pg_get_constraintdef(k.oid), 'valid', k.convalidated,
      'enforced', coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true),
      'columns', (SELECT json_agg(a.attname ORDER BY u.n) FROM unnest(k.conkey) WITH ORDINALITY u(num, n)
                  JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num),
      'parent', (SELECT p.label FROM relations p WHERE p.oid = k.confrelid),
      'parent_columns', (SELECT json_agg(a.attname ORDER BY u.n) FROM unnest(k.confkey) WITH ORDINALITY u(num, n)
                  JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num),
      'on_delete', k.confdeltype, 'on_update', k.confupdtype)), '{}')
    FROM relations r JOIN pg_constraint k ON k.conrelid = r.oid WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND k.conparentid = 0),
 'unproved', (SELECT coalesce(json_object_agg(r.label || '.' || k.conname, json_build_object('table', r.label, 'name', k.conname, 'column', a.attname)), '{}')
    FROM relations r JOIN pg_constraint k ON k.conrelid = r.oid JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = k.conkey[1]
    WHERE k.contype = 'n' AND NOT k.convalidated AND k.coninhcount = 0),
 'indexes', (SELECT coalesce(json_object_agg(r.label || '.' || x.relname, json_build_object(
      'table', r.label, 'name', x.relname, 'oid', x.oid::int8, 'definition', pg_get_indexdef(i.indexrelid), 'unique', i.indisunique, 'valid', i.indisvalid,
      'primary', i.indisprimary, 'identity', i.indisreplident, 'immediate', i.indimmediate, 'partial', i.indpred IS NOT NULL, 'expression', i.indexprs IS NOT NULL,
      'columns', (SELECT json_agg(a.attname ORDER BY u.n) FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(num, n)
                  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.num))), '{}')
    FROM relations r JOIN pg_index i ON i.indrelid = r.oid JOIN pg_class x ON x.oid = i.indexrelid),
 'enums', (SELECT coalesce(json_object_agg(t.typname, (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)
      FROM pg_enum e WHERE e.enumtypid = t.oid)), '{}') FROM pg_type t JOIN spaces n ON n.oid = t.typnamespace WHERE t.typtype = 'e'),
 'types', (SELECT coalesce(json_object_agg(t.typname, json_build_object('kind', t.typtype,
      'base', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
      'checks', (SELECT json_agg(pg_get_constraintdef(k.oid) ORDER BY k.conname) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'),
      'required', t.typtype = 'd' AND t.typnotnull, 'default', t.typdefault, 'used', EXISTS (
      SELECT FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'm', 'f', 'v', 'c')
      WHERE a.atttypid IN (t.oid, t.typarray) AND NOT a.attisdropped AND a.attnum > 0))), '{}')
    FROM pg_type t JOIN spaces n ON n.oid = t.typnamespace WHERE t.typtype IN ('e', 'd')),
 'composites', (SELECT coalesce(json_object_agg(t.typname, (SELECT json_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum)
      FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)), '{}')
    FROM kinds t),
 'attributes', (SELECT coalesce(json_object_agg(t.typname, (SELECT json_agg(a.attname ORDER BY a.attnum)
      FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)), '{}')
    FROM kinds t),
 'attribute_numbers', (SELECT coalesce(json_object_agg(t.typname, (SELECT json_agg(a.attnum ORDER BY a.attnum)
      FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)), '{}')
    FROM kinds t),
 'views', (SELECT coalesce(json_object_agg(r.label, pg_get_viewdef(r.oid)), '{}') FROM relations r WHERE r.relkind IN ('v', 'm')),
 'functions', (SELECT coalesce(json_object_agg(p.oid::regprocedure::text, concat_ws(' ', md5(p.prosrc || coalesce(p.prosqlbody::text, '')),
      CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END, CASE WHEN p.proisstrict THEN 'strict' END,
      CASE WHEN p.prosecdef THEN 'security definer' END, 'settings ' || left(md5(p.proconfig::text), 8))), '{}')
    FROM pg_proc p JOIN spaces n ON n.oid = p.pronamespace
    WHERE p.prokind IN ('f', 'p') AND p.prorettype <> 'event_trigger'::regtype
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')),
 'triggers', (SELECT coalesce(json_object_agg(r.label || '.' || t.tgname, pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'D' THEN ' (disabled)' ELSE '' END), '{}')
    FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal),
 'rules', (SELECT coalesce(json_object_agg(r.label || '.' || w.rulename, pg_get_ruledef(w.oid)), '{}')
    FROM relations r JOIN pg_rewrite w ON w.ev_class = r.oid WHERE w.rulename <> '_RETURN'),
 'policies', (SELECT coalesce(json_object_agg(r.label || '.' || p.polname, json_build_object(
      'table', r.label, 'command', p.polcmd, 'permissive', p.polpermissive, 'using', pg_get_expr(p.polqual, p.polrelid),
      'check', pg_get_expr(p.polwithcheck, p.polrelid), 'roles', (SELECT json_agg(coalesce(a.rolname, 'PUBLIC') ORDER BY a.rolname)
        FROM unnest(p.polroles) u(oid) LEFT JOIN pg_roles a ON a.oid = u.oid))), '{}')
    FROM relations r JOIN pg_policy p ON p.polrelid = r.oid),
 'grants', (SELECT coalesce(json_object_agg(label || ': ' || privilege, owns), '{}') FROM privileges),
 'partitions', (SELECT coalesce(json_object_agg(r.label, (SELECT p.label FROM pg_inherits i JOIN relations p ON p.oid = i.inhparent
      WHERE i.inhrelid = r.oid LIMIT 1)), '{}') FROM relations r
    WHERE r.relkind IN ('r', 'p') AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = r.oid)),
 'sequences', (SELECT coalesce(json_agg(r.label ORDER BY r.label), '[]') FROM relations r WHERE r.relkind = 'S'),
 'numbering', (SELECT coalesce(json_object_agg(t.label || '.' || a.attname, json_build_object('table', t.label, 'column', a.attname,
      'sequence', r.label, 'first', CASE WHEN q.seqincrement > 0 THEN q.seqmin ELSE q.seqmax END, 'step', q.seqincrement,
      'last', CASE WHEN q.seqincrement > 0 THEN q.seqmax ELSE q.seqmin END, 'cycles', q.seqcycle, 'type', format_type(a.atttypid, NULL))), '{}')
    FROM relations r JOIN pg_sequence q ON q.seqrelid = r.oid JOIN LATERAL (
      SELECT refobjid AS relation, refobjsubid AS number FROM pg_depend
       WHERE classid = 'pg_class'::regclass AND objid = r.oid AND refclassid = 'pg_class'::regclass AND deptype = 'i'
      UNION SELECT f.adrelid, f.adnum FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
       WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid) fed ON true
    JOIN relations t ON t.oid = fed.relation JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = fed.number),
 'extensions', (SELECT coalesce(json_agg(extname ORDER BY extname), '[]') FROM pg_extension)
)
"""

TABLE_MARKS = {
    "unlogged": "unlogged",
    "unreplicated": "no replica identity",
    "unvacuumed": "no autovacuum",
    "row_security": "row level security",
    "invoker": "the privileges of its caller",
    "checked": "a check of what is written through it",
    "forced": "row level security for the owner",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `default` is SQL text or None; `generated` covers stored and virtual, `identity` both kinds."""

    table: str
    name: str
    type: str
    not_null: bool
    default: str | None
    identity: str
    generated: str
    number: int
    collation: str | None = None  # another than the database's


@dataclass(frozen=True, slots=True)
class Schema:
    """Labels are the bare name in `public` (unless a dot is in it), else `schema.name`. Constraints and indexes are keyed `table.name`.

    A key of `grants` is `object: grant … to role`, its value whether that role owns the object.
    """

    tables: Mapping[str, Mapping[str, Any]]
    columns: Mapping[tuple[str, str], Column]
    constraints: Mapping[str, Mapping[str, Any]]
    unproved: Mapping[str, Mapping[str, Any]]  # NOT NULL that no row was held against, from PostgreSQL 18 on
    indexes: Mapping[str, Mapping[str, Any]]
    enums: Mapping[str, list[str]]
    types: Mapping[str, Mapping[str, Any]]
    composites: Mapping[str, list[str] | None]
    attributes: Mapping[str, list[str] | None]  # of composite types, their names
    attribute_numbers: Mapping[str, list[int] | None]  # which no other attribute of the type ever has
    views: Mapping[str, str]
    functions: Mapping[str, str]  # digest of the body, then what the function is declared to be
    triggers: Mapping[str, str]
    rules: Mapping[str, str]
    policies: Mapping[str, Mapping[str, Any]]
    grants: Mapping[str, bool]
    partitions: Mapping[str, str]
    sequences: tuple[str, ...]
    numbering: Mapping[str, Mapping[str, Any]]  # columns that a sequence feeds, `table.column`
    extensions: tuple[str, ...]

    def columns_of(self, table: str) -> list[Column]:
        """The columns of a table in order; empty when there is no such table."""
        return sorted(
            (column for column in self.columns.values() if column.table == table), key=lambda column: column.number
        )

    def kind(self, table: str) -> str:
        """`r` table, `p` partitioned, `m` materialized view, `v` view, `f` foreign; empty when unknown."""
        return str(self.tables.get(table, {}).get("kind", ""))

    def view_options(self, view: str) -> str:
        """What stands between a view's name and AS, a blank before it; empty for one without options."""
        entry = self.tables[view]
        options = ["security_invoker = true"] * bool(entry["invoker"])
        options += [f"check_option = {entry['checked']}"] if entry["checked"] else []
        return f" WITH ({', '.join(options)})" if options else ""

    def is_table(self, table: str) -> bool:
        """Whether rows are stored under that name."""
        return self.kind(table) in {"r", "p"}

    def unique_sets(self, table: str) -> list[tuple[str, ...]]:
        """Column sets under a full unique or primary index."""
        return [
            tuple(index["columns"] or ())
            for index in self.indexes.values()
            if index["table"] == table and index["unique"] and not index["partial"] and not index["expression"]
        ]

    def primary_key(self, table: str) -> tuple[str, ...]:
        """Columns of the primary key; empty without one."""
        return next((tuple(i["columns"]) for i in self.indexes.values() if i["table"] == table and i["primary"]), ())

    def checks_of_domain(self, type_name: str) -> list[str]:
        """Definitions of a domain's checks, and of the domain under it; empty for another type."""
        return [check for entry in self.domains_under(type_name) for check in entry["checks"] or ()]

    def domains_under(self, type_name: str) -> list[Mapping[str, Any]]:
        """A domain and the domains under it; nothing for another type."""
        entry = self.domain(type_name)
        return [entry, *self.domains_under(str(entry["base"]))] if entry else []

    def domain(self, type_name: str) -> Mapping[str, Any] | None:
        """The domain of that name, quoted and qualified or not; None for another type."""
        entry = self.types.get(type_name.partition("(")[0].rpartition(".")[2].strip('"'))
        return entry if entry is not None and entry["kind"] == "d" else None

    def composites_within(self, type_name: str) -> list[str]:
        """Composite types that a type is, or has values of however deep: through arrays, domains and other composites."""
        bare = bare_type(type_name)
        if (domain := self.domain(bare)) and domain["base"]:
            return self.composites_within(str(domain["base"]))
        below = [name for each in self.composites.get(bare) or () for name in self.composites_within(each)]
        return [bare, *below] if bare in self.composites else below

    def attributes_within(self, type_name: str) -> list[str]:
        """Their attributes, told apart whatever they are called; empty for a type that has none."""
        types = self.composites_within(type_name)
        return [f"{each}.{number}" for each in types for number in self.attribute_numbers[each] or ()]

    def requires(self, column: Column) -> bool:
        """Whether it takes no NULL, by itself or by its domain."""
        return column.not_null or any(entry["required"] for entry in self.domains_under(column.type))

    def foreign_keys(self, table: str) -> list[Mapping[str, Any]]:
        """Foreign keys of a table."""
        return [entry for entry in self.constraints.values() if entry["table"] == table and entry["kind"] == "f"]


def bare_type(kind: str) -> str:
    """The name of a type as the catalogue has it, of an array its element's."""
    return kind.removesuffix("[]").rpartition(".")[2].strip('"')


def snapshot(connection: psycopg.Connection[Any]) -> Schema:
    """The schema as this connection sees it (uncommitted changes of its own included)."""
    with with_settings(connection, search_path='"$user", public, pg_temp'):
        # it decides how definitions name what they use; a temporary table that is not named last hides one that stays
        row = connection.execute(_QUERY).fetchone()
    data: dict[str, Any] = row[0] if row else {}
    columns = {(entry["table"], entry["name"]): Column(**entry) for entry in data.pop("columns")}
    data["sequences"] = tuple(data["sequences"])
    data["extensions"] = tuple(data["extensions"])
    return Schema(columns=columns, **data)


def differences(before: Schema, after: Schema) -> list[str]:
    """What differs, one line a thing, in words; empty when both are the same."""
    lines: list[str] = []
    gone = {table for table in before.tables if table not in after.tables}
    new = {table for table in after.tables if table not in before.tables}
    lines += [f"{table}: gone" for table in sorted(gone)] + [f"{table}: new" for table in sorted(new)]
    for table in sorted(before.tables.keys() & after.tables.keys()):
        lines += [
            f"{table}: {words} {'on' if after.tables[table][mark] else 'off'}"
            for mark, words in TABLE_MARKS.items()
            if before.tables[table][mark] != after.tables[table][mark]
        ]
    for key in sorted(before.columns.keys() | after.columns.keys()):
        if key[0] not in gone | new:
            lines += _column_difference(key, before.columns.get(key), after.columns.get(key))
    for what in (
        "constraints",
        "indexes",
        "enums",
        "types",
        "views",
        "functions",
        "triggers",
        "rules",
        "policies",
    ):
        lines += _mapping_difference(what, getattr(before, what), getattr(after, what), gone | new)
    lines += _mapping_difference("composites", shapes(before), shapes(after), set())
    then, now = granted(before), granted(after)
    lines += [
        f"{line}: {'new' if line in now else 'gone'}"
        for line in sorted(then ^ now)
        if line.split(": ")[0] not in gone | new
    ]
    for word, left, right in (
        ("sequence", before.sequences, after.sequences),
        ("extension", before.extensions, after.extensions),
    ):
        lines += [f"{word} {name}: gone" for name in left if name not in right] + [
            f"{word} {name}: new" for name in right if name not in left
        ]
    return lines


def shapes(schema: Schema) -> dict[str, str]:
    """Composite types with their attributes, as words."""
    pairs = {
        name: zip(names or (), schema.composites[name] or (), strict=True) for name, names in schema.attributes.items()
    }
    return {name: f"({', '.join(' '.join(pair) for pair in found)})" for name, found in pairs.items()}


def granted(schema: Schema) -> set[str]:
    """Privileges that somebody else than the owner has."""
    return {line for line, owns in schema.grants.items() if not owns}


def _column_difference(key: tuple[str, str], old: Column | None, new: Column | None) -> list[str]:
    label = f"{key[0]}.{key[1]}"
    if old is None or new is None:
        return [f"column {label}: {'new' if old is None else 'gone'}"]
    found = []
    for field in ("type", "not_null", "default", "identity", "generated"):
        left, right = getattr(old, field), getattr(new, field)
        if left != right:
            found.append(f"column {label}: {field.replace('_', ' ')} {left!r} → {right!r}")
    return found


def _mapping_difference(what: str, old: Mapping[str, Any], new: Mapping[str, Any], tables: set[str]) -> list[str]:
    word = {"indexes": "index", "policies": "policy"}.get(what, what.removesuffix("s"))
    lines = []
    for name in sorted(old.keys() | new.keys()):
        left, right = _comparable(old.get(name)), _comparable(new.get(name))
        if left == right or (isinstance(left or right, dict) and (left or right).get("table") in tables):
            continue
        changed = redeclared(left, right) if what == "functions" and left and right else _changed(left, right)
        state = "new" if name not in old else "gone" if name not in new else changed
        lines.append(f"{word} {name}: {state}")
    return lines


def redeclared(then: str, now: str) -> str:
    """What is another about a function, as `Schema.functions` tells it."""
    (old, _, was), (new, _, declared) = then.partition(" "), now.partition(" ")
    return "another body" if old != new else f"is declared {declared} (was {was})"


def _changed(left: Any, right: Any) -> str:
    if not (isinstance(left, dict) and isinstance(right, dict)):
        return f"{left} → {right}"
    fields = ("definition",) if left.get("definition") != right.get("definition") else left.keys() | right.keys()
    return "; ".join(f"{k} {left.get(k)} → {right.get(k)}" for k in sorted(fields) if left.get(k) != right.get(k))


def _comparable(value: Any) -> Any:
    return (
        {key: part for key, part in value.items() if key not in {"oid", "used"}} if isinstance(value, dict) else value
    )


def quoted_name(name: str) -> str:
    """A name as SQL, quoted always."""
    return '"' + name.replace('"', '""') + '"'


def quoted_label(label: str) -> str:
    """A table's label as SQL, its schema named, so that no `search_path` decides which table is meant."""
    schema, dot, name = label.partition(".")
    return f"{quoted_name(schema)}.{quoted_name(name)}" if dot else f"{quoted_name('public')}.{quoted_name(label)}"
