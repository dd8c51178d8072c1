-- The guards: a change of the schema is written into the journal too, and a table made by it is watched from then on, with
-- the rows that it was made with, and with a table that is dropped go its rows; who disables the triggers of a table does not disable those of the harness.
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

CREATE FUNCTION harness.note_ddl() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $$
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
    END LOOP;
END $$;

CREATE FUNCTION harness.note_drop() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $$
BEGIN
    IF current_setting('harness.quiet', true) = 'on' THEN
        RETURN;
    END IF;
    INSERT INTO harness.journal (relation, operation, after)
    SELECT 0, 'ddl', json_build_object('command', TG_TAG, 'object', object_identity)
    FROM pg_event_trigger_dropped_objects() WHERE original AND NOT is_temporary;
    -- With a table go its rows: those that were there in the beginning or came since, but for those that went.
    INSERT INTO harness.journal (relation, operation, before)
    SELECT relation, 'delete', said::json
    FROM (SELECT relation, said, sum(count) AS count
          FROM (SELECT relation, said::text, 1 FROM harness.base
                UNION ALL SELECT relation, after::text, 1 FROM harness.journal
                UNION ALL SELECT relation, before::text, -1 FROM harness.journal) it (relation, said, count)
          WHERE said IS NOT NULL AND relation IN
                (SELECT objid FROM pg_event_trigger_dropped_objects() WHERE object_type = 'table' AND objsubid = 0)
          GROUP BY relation, said) alive, generate_series(1, count);
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
    RETURN json_build_object('schema', schema, 'tables', touched, 'disordered', disordered, 'sequences', moved,
        'unseen', harness.unseen(), 'shared', harness.shared(), 'at', pg_current_wal_insert_lsn());
END $$;
