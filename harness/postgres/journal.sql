-- The journal: what changed, written by triggers, in a schema of its own.
--
-- Every row that a transaction changes becomes one row of harness.journal, in the same transaction: rolled back with
-- it, committed with it. Nothing in any other schema is touched but for the triggers themselves. The functions run
-- as their owner, so that a role without any right on this schema can still be watched.
--
-- The connection that puts rows back sets harness.quiet and is not written down.

CREATE SCHEMA harness;

CREATE SEQUENCE harness.position;

CREATE UNLOGGED TABLE harness.journal (
    position bigint NOT NULL DEFAULT nextval('harness.position'),
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    relation oid NOT NULL,       -- 0 for a change of the schema
    operation text NOT NULL,     -- insert, update, delete, truncate, ddl
    before json,
    after json
);
CREATE INDEX journal_position ON harness.journal (position);

-- The rows of every table as they were, as text of the row type: exact for every type, and dependent on none.
CREATE UNLOGGED TABLE harness.base (
    relation oid NOT NULL,
    key text[],                  -- NULL for a table without a key
    line text NOT NULL
);

-- The settings make the JSON of a row the same whatever the session of the application says.
CREATE FUNCTION harness.record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog SET timezone = 'UTC' SET intervalstyle = 'postgres' SET extra_float_digits = 1
SET bytea_output = 'hex' AS $$
BEGIN
    INSERT INTO harness.journal (relation, operation, before, after)
    VALUES (TG_RELID, lower(TG_OP), row_to_json(OLD), row_to_json(NEW));
    RETURN NULL;
END $$;

-- The same without the settings, for tables whose columns do not need them: cheaper. (Names are qualified instead.)
CREATE FUNCTION harness.record_plain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO harness.journal (relation, operation, before, after)
    VALUES (TG_RELID, pg_catalog.lower(TG_OP), pg_catalog.row_to_json(OLD), pg_catalog.row_to_json(NEW));
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

-- Whether the JSON of a table's rows depends on settings of the session: any type beyond these may.
CREATE FUNCTION harness.plain(watched oid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT bool_and(
        t.typtype = 'e' OR a.atttypid IN (
            'text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'name'::regtype, 'uuid'::regtype,
            'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype, 'boolean'::regtype,
            'timestamp'::regtype, 'date'::regtype, 'time'::regtype, 'json'::regtype, 'jsonb'::regtype,
            'text[]'::regtype, 'uuid[]'::regtype, 'int4[]'::regtype, 'int8[]'::regtype))
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = watched AND a.attnum > 0 AND NOT a.attisdropped
$$;

-- The names sort before those of foreign keys ("RI_…"), so that a row is written down before those it cascades to.
-- ALWAYS: session_replication_role must not hide a change.
CREATE FUNCTION harness.watch(watched oid) RETURNS void LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
    name text := watched::regclass::text;
    recorder text := CASE WHEN harness.plain(watched) THEN 'record_plain' ELSE 'record' END;
    loud text := $loud$current_setting('harness.quiet', true) IS DISTINCT FROM 'on'$loud$;
BEGIN
    EXECUTE format('CREATE TRIGGER "00_harness_rows" AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW
                    WHEN (%s) EXECUTE FUNCTION harness.%I()', name, loud, recorder);
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

-- The connections of the application that are in the middle of a transaction, or hold an advisory lock.
CREATE FUNCTION harness.busy(mine int[]) RETURNS int[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(
        SELECT a.pid FROM pg_catalog.pg_stat_get_activity(NULL) a
        WHERE a.datid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
          AND a.backend_type = 'client backend' AND a.pid <> ALL (mine) AND a.xact_start IS NOT NULL
        UNION
        SELECT l.pid FROM pg_catalog.pg_lock_status() l
        WHERE l.locktype = 'advisory' AND l.pid <> ALL (mine)
          AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
$$;

-- One call undoes a scenario. Rows and sequences are put back only when nobody is busy and the schema is as it was;
-- otherwise the answer says what stands in the way.
CREATE FUNCTION harness.reset(since bigint, mine int[]) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    waiting int[] := harness.busy(mine);
    schema json;
    touched oid[];
    moved oid[];
BEGIN
    IF waiting <> '{}' THEN
        RETURN json_build_object('busy', waiting);
    END IF;
    schema := (SELECT json_agg(after ORDER BY position) FROM harness.journal WHERE position > since AND relation = 0);
    IF schema IS NULL THEN
        touched := harness.restore_rows(since);
        moved := harness.restore_sequences();
    END IF;
    RETURN json_build_object('schema', schema, 'tables', touched, 'sequences', moved,
        'unseen', harness.unseen(), 'position', (SELECT last_value FROM harness.position));
END $$;

-- What no event trigger tells of this database: any change of a row there has a newer xmin or changes the count.
CREATE FUNCTION harness.unseen() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat_ws(' ',
        (SELECT count(*) || ':' || max(xmin::text::bigint) FROM pg_catalog.pg_event_trigger),
        (SELECT count(*) || ':' || max(xmin::text::bigint) FROM pg_catalog.pg_largeobject_metadata))
$$;
