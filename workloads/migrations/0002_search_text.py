"""Keeps `search_text` with the row, whoever writes it: ORM, bulk, COPY."""

from django.db import migrations

TRIGGER = """
CREATE FUNCTION workloads_search_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_text := upper(concat_ws(' ',
        NEW.name, NEW.kind, NEW.namespace, NEW.image, array_to_string(NEW.nodes, ' '),
        (SELECT name FROM tenancy_project WHERE id = NEW.project_id),
        (SELECT concat_ws(' ', username, first_name, last_name) FROM tenancy_user WHERE id = NEW.created_by_id)));
    RETURN NEW;
END $$;

CREATE TRIGGER search_text BEFORE INSERT OR
    UPDATE OF name, kind, namespace, image, nodes, project_id, created_by_id
    ON workloads_workload FOR EACH ROW EXECUTE FUNCTION workloads_search_text();
"""
BACK = """
DROP TRIGGER search_text ON workloads_workload;
DROP FUNCTION workloads_search_text();
"""


class Migration(migrations.Migration):
    dependencies = [("workloads", "0001_initial"), ("tenancy", "0001_initial")]
    operations = [migrations.RunSQL(TRIGGER, BACK)]
