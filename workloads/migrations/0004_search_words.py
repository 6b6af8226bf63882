"""`search_text` holds phase, labels and application too, and follows projects and people that are renamed."""

from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION workloads_search_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_text := upper(concat_ws(' ',
        NEW.name, NEW.kind, NEW.phase, NEW.namespace, NEW.image, array_to_string(NEW.nodes, ' '),
        NEW.application, array_to_string(NEW.labels, ' '),
        (SELECT name FROM tenancy_project WHERE id = NEW.project_id),
        (SELECT concat_ws(' ', username, first_name, last_name) FROM tenancy_user WHERE id = NEW.created_by_id)));
    RETURN NEW;
END $$;

DROP TRIGGER search_text ON workloads_workload;
CREATE TRIGGER search_text BEFORE INSERT OR
    UPDATE OF name, kind, phase, namespace, image, nodes, application, labels, project_id, created_by_id
    ON workloads_workload FOR EACH ROW EXECUTE FUNCTION workloads_search_text();

-- The trigger above writes the text of every row it touches.
CREATE FUNCTION workloads_project_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE workloads_workload SET project_id = NEW.id WHERE project_id = NEW.id;
    RETURN NULL;
END $$;

CREATE TRIGGER renamed AFTER UPDATE OF name ON tenancy_project FOR EACH ROW
    WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION workloads_project_renamed();

CREATE FUNCTION workloads_person_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE workloads_workload SET created_by_id = NEW.id WHERE created_by_id = NEW.id;
    RETURN NULL;
END $$;

CREATE TRIGGER renamed AFTER UPDATE OF username, first_name, last_name ON tenancy_user FOR EACH ROW
    WHEN ((OLD.username, OLD.first_name, OLD.last_name)
        IS DISTINCT FROM (NEW.username, NEW.first_name, NEW.last_name))
    EXECUTE FUNCTION workloads_person_renamed();
"""
BACK = """
DROP TRIGGER renamed ON tenancy_user;
DROP FUNCTION workloads_person_renamed();
DROP TRIGGER renamed ON tenancy_project;
DROP FUNCTION workloads_project_renamed();
"""


class Migration(migrations.Migration):
    dependencies = [("workloads", "0003_more_facts"), ("tenancy", "0002_user_preferences")]
    operations = [
        migrations.RunSQL(FUNCTION, BACK),
        migrations.RunSQL("UPDATE workloads_workload SET name = name", migrations.RunSQL.noop),
    ]
