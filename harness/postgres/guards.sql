-- The guards: a change of the schema is written into the journal too, and a table made by it is watched from then on.
-- Event triggers need a superuser; without one the harness takes a new clone after every scenario instead.

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
END $$;

CREATE EVENT TRIGGER harness_ddl ON ddl_command_end EXECUTE FUNCTION harness.note_ddl();
CREATE EVENT TRIGGER harness_drop ON sql_drop EXECUTE FUNCTION harness.note_drop();
ALTER EVENT TRIGGER harness_ddl ENABLE ALWAYS;
ALTER EVENT TRIGGER harness_drop ENABLE ALWAYS;
