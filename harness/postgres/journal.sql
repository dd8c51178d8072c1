-- The journal: what changed, written by triggers, in a schema of its own.
--
-- Every row that a transaction changes becomes one row of harness.journal, in the same transaction: rolled back with
-- it, committed with it. Nothing in any other schema is touched but for the triggers themselves. The functions run
-- as their owner, so that a role without any right on this schema can still be watched.
--
-- The connection that puts rows back sets harness.quiet and is not written down.

CREATE SCHEMA harness;

-- Rows are ordered by the position in the log at which they were written, then by transaction, then by command (cmin).
-- A sequence would do that too, but would be what the application's next lastval() tells. The table is logged, so that
-- every row moves the position on.
CREATE TABLE harness.journal (
    at pg_lsn NOT NULL DEFAULT pg_current_wal_insert_lsn(),
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    relation oid NOT NULL,       -- 0 for a change of the schema
    operation text NOT NULL,     -- insert, update, delete, truncate, ddl
    before json,
    after json
);
CREATE INDEX journal_at ON harness.journal (at);

-- The rows of every table as they were, as text of the row type: exact for every type, and dependent on none.
CREATE UNLOGGED TABLE harness.base (
    place bigint GENERATED ALWAYS AS IDENTITY,   -- the order in which the table gave its rows
    relation oid NOT NULL,
    key text[],                  -- NULL for a table without a key
    line text NOT NULL,
    said json NOT NULL           -- the same, as the journal tells a row
);

-- The settings make the JSON of a row the same whatever the session of the application says (they cost one
-- microsecond of the ten that a row costs).
CREATE FUNCTION harness.record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog SET timezone = 'UTC' SET intervalstyle = 'postgres' SET extra_float_digits = 1
SET bytea_output = 'hex' AS $$
BEGIN
    INSERT INTO harness.journal (relation, operation, before, after)
    VALUES (TG_RELID, lower(TG_OP), row_to_json(OLD), row_to_json(NEW));
    RETURN NULL;
END $$;

CREATE FUNCTION harness.record_truncate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog SET timezone = 'UTC' SET intervalstyle = 'postgres' SET extra_float_digits = 1
SET bytea_output = 'hex' AS $$
BEGIN
    EXECUTE format(
        'INSERT INTO harness.journal (relation, operation, before)
         SELECT %s, ''truncate'', row_to_json("the row") FROM ONLY %I.%I "the row"', TG_RELID, TG_TABLE_SCHEMA, TG_TABLE_NAME);
    RETURN NULL;
END $$;

-- The names sort before those of foreign keys ("RI_…"), so that a row is written down before those it cascades to.
-- ALWAYS: session_replication_role must not hide a change.
CREATE FUNCTION harness.watch(watched oid) RETURNS void LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
    name text := watched::regclass::text;
    loud text := $loud$current_setting('harness.quiet', true) IS DISTINCT FROM 'on'$loud$;
BEGIN
    EXECUTE format('CREATE TRIGGER "00_harness_rows" AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW
                    WHEN (%s) EXECUTE FUNCTION harness.record()', name, loud);
    EXECUTE format('CREATE TRIGGER "00_harness_truncate" BEFORE TRUNCATE ON %s FOR EACH STATEMENT
                    WHEN (%s) EXECUTE FUNCTION harness.record_truncate()', name, loud);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER "00_harness_rows"', name);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER "00_harness_truncate"', name);
END $$;

-- Everything that is watched: tables and partitions with rows of their own, in the schemas that are neither the
-- server's nor the harness's. (A partitioned table gets no trigger: it would be cloned to a table attached later,
-- which has one already.)
CREATE VIEW harness.watched AS
    SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('harness', 'information_schema') AND n.nspname !~ '^pg_';

SELECT harness.watch(oid) FROM harness.watched;

-- The connections of the application that are in the middle of a transaction, or hold an advisory lock; a
-- transaction that was prepared and waits for its end counts as process 0.
CREATE FUNCTION harness.busy(mine int[]) RETURNS int[] LANGUAGE sql STABLE AS $$
    WITH here AS (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    SELECT ARRAY(
        SELECT a.pid FROM pg_catalog.pg_stat_get_activity(NULL) a, here
        WHERE a.datid = here.oid AND a.backend_type = 'client backend' AND a.pid <> ALL (mine)
          AND a.xact_start IS NOT NULL
        UNION
        SELECT l.pid FROM pg_catalog.pg_lock_status() l, here
        WHERE l.locktype = 'advisory' AND l.database = here.oid AND l.pid <> ALL (mine)
        UNION
        SELECT 0 FROM pg_catalog.pg_prepared_xact() p, here WHERE p.dbid = here.oid)
$$;
