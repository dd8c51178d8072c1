"""A schema with everything that is awkward, some rows, and the whole state of a database as one comparable value."""

from __future__ import annotations

import json
from typing import Any

import psycopg

SHOP = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE customer (
    id text PRIMARY KEY, name text NOT NULL, mood mood DEFAULT 'good', "createdAt" timestamp(3) DEFAULT now()
);
CREATE TABLE "Order" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "customerId" text REFERENCES customer ON DELETE CASCADE ON UPDATE CASCADE,
    amount numeric(10,2), doubled numeric GENERATED ALWAYS AS (amount * 2) STORED,
    details jsonb, raw json, at timestamptz, tags text[], ratio float8, wait interval, blob bytea, price money,
    span int4range, grid int[][]
);
CREATE TABLE counter (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, label text);
CREATE TABLE diary (line text, t int);                               -- no key; columns named like aliases
CREATE TABLE "odd ""table"" %s" ("select" int, "a b" text, k text, PRIMARY KEY ("a b", "select"));
CREATE TABLE chicken (id int PRIMARY KEY, egg int);
CREATE TABLE egg (id int PRIMARY KEY, chicken int REFERENCES chicken DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE chicken ADD FOREIGN KEY (egg) REFERENCES egg DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE event (id int, year int, note text, PRIMARY KEY (id, year)) PARTITION BY RANGE (year);
CREATE TABLE event_2024 PARTITION OF event FOR VALUES FROM (2024) TO (2025);
CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM (2025) TO (2026);
CREATE TABLE parent (id int PRIMARY KEY, name text);
CREATE TABLE child (extra text, PRIMARY KEY (id)) INHERITS (parent);
CREATE TABLE nothing ();
CREATE SCHEMA "Other"; CREATE TABLE "Other".thing (id serial PRIMARY KEY, customer text);
CREATE TABLE audited (id int PRIMARY KEY, changes int DEFAULT 0);
CREATE FUNCTION count_change() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN NEW.changes := OLD.changes + 1; RETURN NEW; END';
CREATE TRIGGER count_change BEFORE UPDATE ON audited FOR EACH ROW EXECUTE FUNCTION count_change();
CREATE SEQUENCE ticket START 100 INCREMENT 5;
CREATE VIEW happy AS SELECT * FROM customer WHERE mood = 'good';
CREATE MATERIALIZED VIEW names AS SELECT name FROM customer;

INSERT INTO customer (id, name, "createdAt")
    SELECT 'c' || n, 'Customer ' || n, timestamp '2025-01-01 10:00' + n * interval '1 hour' FROM generate_series(1, 20) n;
INSERT INTO "Order" (id, "customerId", amount, details, raw, at, tags, ratio, wait, blob, price, span, grid)
    SELECT ('00000000-0000-0000-0000-0000000000' || to_char(n, 'FM00'))::uuid, 'c' || n, 45.00 + n, '{"a": 1.50}',
           '{"b":2,  "a":1, "a":2}', timestamptz '2025-03-01 09:00+02', ARRAY['x', NULL, '{"'], 0.1 + n, '1 mon 2 days',
           '\\x00ff', 12.5, '[1,5)', '[0:1][3:4]={{1,2},{3,4}}' FROM generate_series(1, 20) n;
INSERT INTO counter (label) SELECT 'label ' || n FROM generate_series(1, 5) n;
INSERT INTO diary VALUES ('same', 1), ('same', 1), (NULL, NULL), ('other', 2);
INSERT INTO "odd ""table"" %s" VALUES (1, 'one', 'it''s'), (2, 'one', '\\');
BEGIN; INSERT INTO chicken VALUES (1, 1), (2, 2); INSERT INTO egg VALUES (1, 1), (2, 2); COMMIT;
INSERT INTO event VALUES (1, 2024, 'a'), (2, 2024, 'b'), (1, 2025, 'c');
INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (2, 'c', 'x');
INSERT INTO "Other".thing (customer) VALUES ('c1'), ('c2');
INSERT INTO audited (id) VALUES (1), (2);
SELECT nextval('ticket');
REFRESH MATERIALIZED VIEW names;
COMMENT ON TABLE customer IS 'people';
"""

_SCHEMAS = "nspname NOT IN ('harness', 'information_schema') AND nspname !~ '^pg_'"

# The definition of every object, by the server's own words, without the harness's triggers.
_CATALOGUE = f"""
SELECT 'schema', nspname, nspowner::regrole::text || coalesce(nspacl::text, '') FROM pg_namespace WHERE {_SCHEMAS}
UNION ALL
SELECT 'column', a.attrelid::regclass::text || '.' || a.attname,
       concat_ws(' ', a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
                 pg_get_expr(d.adbin, d.adrelid), a.attacl::text, col_description(c.oid, a.attnum))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE {_SCHEMAS} AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'relation', c.oid::regclass::text,
       concat_ws(' ', c.relkind, c.relpersistence, c.relowner::regrole, c.relacl::text, c.reloptions::text,
                 c.relrowsecurity, obj_description(c.oid, 'pg_class'),
                 CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_SCHEMAS}
UNION ALL
SELECT 'constraint', conrelid::regclass::text || '.' || conname, pg_get_constraintdef(p.oid)
FROM pg_constraint p JOIN pg_namespace n ON n.oid = p.connamespace WHERE {_SCHEMAS}
UNION ALL
SELECT 'index', i.indexrelid::regclass::text, concat(pg_get_indexdef(i.indexrelid), i.indisvalid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_SCHEMAS}
UNION ALL
SELECT 'function', p.oid::regprocedure::text, pg_get_functiondef(p.oid)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_SCHEMAS}
UNION ALL
SELECT 'type', t.oid::regtype::text, concat_ws(' ', t.typtype, (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder)
                                                            FROM pg_enum WHERE enumtypid = t.oid))
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE {_SCHEMAS}
UNION ALL
SELECT 'trigger', t.tgrelid::regclass::text || '.' || t.tgname, concat(pg_get_triggerdef(t.oid), t.tgenabled)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_SCHEMAS} AND NOT t.tgisinternal AND t.tgname NOT LIKE '00\\_harness\\_%'
UNION ALL
SELECT 'event trigger', evtname, concat(evtevent, evtenabled) FROM pg_event_trigger
UNION ALL
SELECT 'extension', extname, extversion FROM pg_extension
UNION ALL
SELECT 'large object', oid::text, lomowner::regrole::text FROM pg_largeobject_metadata
UNION ALL
SELECT 'role', rolname, (to_jsonb(r) - 'oid' - 'rolname')::text FROM pg_authid r
UNION ALL
SELECT 'member', roleid::regrole::text, concat(member::regrole, admin_option) FROM pg_auth_members
UNION ALL
SELECT 'setting', coalesce(d.datname, ''), concat(s.setrole::regrole, s.setconfig)
FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase
WHERE d.datname IS NULL OR d.datname !~ '^harness_'
UNION ALL
SELECT 'setting here', '', concat_ws(' ', s.setrole::regrole, s.setconfig::text)
FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase AND d.datname = current_database()
UNION ALL
SELECT 'database', '', concat_ws(' ', datconnlimit, datacl::text, datdba::regrole)
FROM pg_database WHERE datname = current_database()
UNION ALL
SELECT 'database', datname, '' FROM pg_database WHERE datname !~ '^harness_'
UNION ALL
SELECT 'tablespace', spcname, '' FROM pg_tablespace
UNION ALL
SELECT 'ALTER SYSTEM', name, setting FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf'
"""
_TABLES = f"""
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND {_SCHEMAS} ORDER BY 1
"""
_SEQUENCES = f"""
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND {_SCHEMAS} ORDER BY 1
"""


def rows_of(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """The rows of every table, as sorted text, and the state of every sequence."""
    tables = [name for (name,) in connection.execute(_TABLES)]
    parts = [f"SELECT $n${n}$n$, coalesce(jsonb_agg(x::text ORDER BY x::text), '[]') FROM ONLY {n} x" for n in tables]
    state = dict(connection.execute(" UNION ALL ".join(parts)).fetchall()) if parts else {}
    for (name,) in connection.execute(_SEQUENCES).fetchall():
        state[name] = connection.execute(f"SELECT last_value, is_called FROM {name}").fetchone()
    return state


def catalogue_of(connection: psycopg.Connection[Any]) -> list[Any]:
    """Every object of the database and what it shares with others, sorted."""
    return sorted(connection.execute(_CATALOGUE).fetchall(), key=json.dumps)


def state_of(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Everything that a reset promises to restore."""
    return {"rows": rows_of(connection), "catalogue": catalogue_of(connection)}
