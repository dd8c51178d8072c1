-- The guards: a change of the schema is written into the journal too, and a table made by it is watched from then on, with
-- the rows that it was made with, and with a table that is dropped go its rows; rows that a change of the schema rewrites are changed
-- rows; who disables the triggers of a table does not disable those of the harness.
-- Event triggers need a superuser; without one the harness takes a new clone after every scenario instead.

CREATE FUNCTION harness.wake(watched oid) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT tgname FROM pg_trigger
                WHERE tgrelid = watched AND tgname LIKE '00\_harness\_%' AND tgenabled <> 'A' LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', watched::regclass, name);
    END LOOP;
END $$;

-- What a row holds, without the names: a column that got another name changes no row, nor does one that was added and holds nothing.
CREATE FUNCTION harness.held(said json) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT regexp_replace(coalesce(string_agg(value::text, ',' ORDER BY place), ''), '(^|,)null(,null)*$', '')
    FROM json_each(said) WITH ORDINALITY each (name, value, place)
$$;

-- Where in the log the scenario began, as a number: what the journal says of earlier ones is put back. A sequence, for a reset
-- writes nothing else.
CREATE SEQUENCE harness.since MINVALUE 0 START 0;

-- The rows of a table as they were last told: those of the beginning and those that came since, but for those that went.
CREATE FUNCTION harness.told(one oid) RETURNS TABLE (said text, held text) LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT said, held
    FROM (SELECT min(said) AS said, held, sum(count) AS count
          FROM (SELECT line, harness.held(line::json), count
                FROM (SELECT said::text, 1 FROM harness.base WHERE relation = one
                      UNION ALL
                      SELECT line, count FROM harness.journal, LATERAL (VALUES (after::text, 1), (before::text, -1)) v (line, count)
                      WHERE relation = one AND at - '0/0' >= (SELECT last_value FROM harness.since)) every (line, count)
                WHERE line IS NOT NULL) it (said, held, count)
          GROUP BY held) alive, generate_series(1, count)
$$;

-- A row that a change of the schema rewrote (another type, a column lost, a default filled in, an enum's value renamed) fires no
-- trigger of rows: what is there is held against what was told, and rows with one primary key are one row.
CREATE FUNCTION harness.note_rewritten(one oid) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    keys text[] := ARRAY(SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
                         WHERE i.indrelid = one AND i.indisprimary ORDER BY a.attnum);
BEGIN
    EXECUTE format($rows$
        WITH was AS (SELECT said, held, row_number() OVER (PARTITION BY held) AS nth FROM harness.told(%1$s)),
             here AS (SELECT said, harness.held(said::json) AS held
                      FROM (SELECT row_to_json("the row")::text AS said FROM ONLY %2$s "the row") AS q),
             now AS (SELECT said, held, row_number() OVER (PARTITION BY held) AS nth FROM here),
             gone AS (SELECT said, ARRAY(SELECT said::json ->> key FROM unnest($1) key) AS keys FROM was
                      WHERE NOT EXISTS (SELECT FROM now WHERE (now.held, now.nth) = (was.held, was.nth))),
             come AS (SELECT said, ARRAY(SELECT said::json ->> key FROM unnest($1) key) AS keys FROM now
                      WHERE NOT EXISTS (SELECT FROM was WHERE (now.held, now.nth) = (was.held, was.nth)))
        INSERT INTO harness.journal (relation, operation, before, after)
        SELECT %1$s, CASE WHEN gone.said IS NULL THEN 'insert' WHEN come.said IS NULL THEN 'delete' ELSE 'update' END,
               gone.said::json, come.said::json
        FROM gone FULL JOIN come ON gone.keys = come.keys AND gone.keys <> '{}' AND array_position(gone.keys, NULL) IS NULL
    $rows$, one, one::regclass) USING keys;
END $$;

CREATE FUNCTION harness.note_ddl() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog SET timezone = 'UTC' SET intervalstyle = 'postgres' SET extra_float_digits = 1
SET bytea_output = 'hex' AS $$
DECLARE
    made record;
BEGIN
    IF current_setting('harness.quiet', true) = 'on' THEN
        RETURN;
    END IF;
    FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE schema_name IS DISTINCT FROM 'pg_temp' LOOP
        INSERT INTO harness.journal (relation, operation, after)
        VALUES (0, 'ddl', json_build_object('command', made.command_tag, 'object', made.object_identity));
        IF made.command_tag IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO') THEN
            PERFORM set_config('harness.quiet', 'on', true);
            PERFORM harness.watch(oid) FROM harness.watched WHERE oid = made.objid;
            PERFORM set_config('harness.quiet', 'off', true);
        END IF;
        IF made.command_tag IN ('CREATE TABLE AS', 'SELECT INTO') AND made.object_type = 'table' THEN
            EXECUTE format(
                'INSERT INTO harness.journal (relation, operation, after)
                 SELECT %s, ''insert'', row_to_json("the row") FROM ONLY %s "the row"', made.objid, made.object_identity);
        END IF;
        IF made.command_tag = 'ALTER TABLE' THEN
            PERFORM set_config('harness.quiet', 'on', true);
            PERFORM harness.wake(made.objid);
            PERFORM set_config('harness.quiet', 'off', true);
        END IF;
        IF made.command_tag IN ('ALTER TABLE', 'ALTER TYPE', 'ALTER DOMAIN') THEN
            PERFORM harness.note_rewritten(oid) FROM harness.watched
            WHERE made.command_tag <> 'ALTER TABLE' OR oid = made.objid OR oid IN
                  (SELECT relid FROM pg_partition_tree(made.objid)) OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = made.objid);
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION harness.note_drop() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog SET timezone = 'UTC' SET intervalstyle = 'postgres' SET extra_float_digits = 1
SET bytea_output = 'hex' AS $$
BEGIN
    IF current_setting('harness.quiet', true) = 'on' THEN
        RETURN;
    END IF;
    INSERT INTO harness.journal (relation, operation, after)
    SELECT 0, 'ddl', json_build_object('command', TG_TAG, 'object', object_identity)
    FROM pg_event_trigger_dropped_objects() WHERE original AND NOT is_temporary;
    -- With a table go its rows, with a column what stood in it (a type that is dropped takes its columns along).
    INSERT INTO harness.journal (relation, operation, before)
    SELECT objid, 'delete', said::json
    FROM pg_event_trigger_dropped_objects(), harness.told(objid) WHERE object_type = 'table' AND objsubid = 0;
    PERFORM harness.note_rewritten(oid) FROM harness.watched
    WHERE oid IN (SELECT objid FROM pg_event_trigger_dropped_objects() WHERE objsubid <> 0);
END $$;

CREATE EVENT TRIGGER harness_ddl ON ddl_command_end EXECUTE FUNCTION harness.note_ddl();
CREATE EVENT TRIGGER harness_drop ON sql_drop EXECUTE FUNCTION harness.note_drop();
ALTER EVENT TRIGGER harness_ddl ENABLE ALWAYS;
ALTER EVENT TRIGGER harness_drop ENABLE ALWAYS;

-- What no event trigger tells of this database: event triggers themselves, large objects, the database's own
-- properties, settings and comment. Any change of a row there has a newer xmin or changes the count.
CREATE FUNCTION harness.unseen() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat_ws(' ',
        (SELECT count(*) || ':' || max(xmin::text::bigint) FROM pg_catalog.pg_event_trigger),
        (SELECT count(*) || ':' || max(xmin::text::bigint) FROM pg_catalog.pg_largeobject_metadata),
        (SELECT count(*) || ':' || max(xmin::text::bigint) FROM pg_catalog.pg_largeobject),
        d.xmin,
        (SELECT count(*) || ':' || max(s.xmin::text::bigint) FROM pg_catalog.pg_db_role_setting s
         WHERE s.setdatabase = d.oid),
        (SELECT count(*) || ':' || max(c.xmin::text::bigint) FROM pg_catalog.pg_shdescription c
         WHERE c.objoid = d.oid AND c.classoid = 'pg_database'::regclass))
    FROM pg_catalog.pg_database d WHERE d.datname = current_database()
$$;

-- What all databases of the server share, in the same way. The harness's databases come and go and are left out.
CREATE FUNCTION harness.shared() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat_ws(' ',
        (SELECT count(*) || ':' || max(xmin::text::bigint) FROM pg_catalog.pg_authid),
        (SELECT count(*) || ':' || max(xmin::text::bigint) FROM pg_catalog.pg_auth_members),
        (SELECT count(*) || ':' || max(xmin::text::bigint) FROM pg_catalog.pg_tablespace),
        (SELECT count(*) FROM pg_catalog.pg_replication_slots),
        (SELECT count(*) || ':' || max(xmin::text::bigint) FROM pg_catalog.pg_database
         WHERE datname !~ '^harness_[0-9a-f]{8}_[0-9]+$'),
        (SELECT count(*) || ':' || max(s.xmin::text::bigint)
         FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
         WHERE d.datname IS NULL OR d.datname !~ '^harness_[0-9a-f]{8}_[0-9]+$'),
        (SELECT count(*) || ':' || max(xmin::text::bigint) FROM pg_catalog.pg_shdescription
         WHERE classoid <> 'pg_database'::regclass),
        (SELECT md5(pg_read_file('postgresql.auto.conf'))))
$$;

-- One call undoes a scenario. Rows and sequences are put back only when nobody is busy and the schema is as it was;
-- otherwise the answer says what stands in the way.
CREATE FUNCTION harness.reset(since pg_lsn, mine int[]) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    waiting int[] := harness.busy(mine);
    schema json;
    touched oid[];
    disordered oid[];
    moved text[];
    began pg_lsn;
BEGIN
    IF waiting <> '{}' THEN
        RETURN json_build_object('busy', waiting);
    END IF;
    schema := (SELECT json_agg(after ORDER BY at, transaction, cmin::text::bigint)
               FROM harness.journal WHERE at >= since AND relation = 0);
    IF schema IS NULL THEN
        SELECT r.touched, r.disordered INTO touched, disordered FROM harness.restore_rows(since) r;
        moved := harness.restore_sequences();
    END IF;
    began := pg_current_wal_insert_lsn();
    PERFORM setval('harness.since', (began - '0/0')::bigint);
    RETURN json_build_object('schema', schema, 'tables', touched, 'disordered', disordered, 'sequences', moved,
        'unseen', harness.unseen(), 'shared', harness.shared(), 'at', began);
END $$;
