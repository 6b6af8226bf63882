"""`search_text` holds phase, labels and application too, and follows projects and people that are renamed.

Workloads that are there are filled from what is kept of them, all in one UPDATE, which writes their search
text as well; labels, priority and the like were not kept: a row without a version is read again by the next list.
"""

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
FILL = """
WITH stays AS (
    SELECT workload_id, phase, lead(at) OVER (PARTITION BY workload_id ORDER BY at, id) - at AS lasted
    FROM workloads_phasechange
), sums AS (
    SELECT workload_id,
        sum(lasted) FILTER (WHERE phase = 'Pending') AS pending,
        sum(lasted) FILTER (WHERE phase = 'Running') AS running
    FROM stays WHERE lasted > interval '0' GROUP BY workload_id
), held AS (
    SELECT workload_id, sum(gpu_millis) AS gpus, sum(cpu_millis) AS cpu, sum(memory_bytes) AS memory
    FROM workloads_pod
    WHERE gone_at IS NULL AND scheduled AND phase NOT IN ('Succeeded', 'Failed') GROUP BY workload_id
), failed AS (
    SELECT DISTINCT ON (workload_id) workload_id, exit_code FROM workloads_pod
    WHERE exit_code <> 0 ORDER BY workload_id, coalesce(finished_at, created_at) DESC
)
UPDATE workloads_workload w SET
    name = w.name,
    resource_version = CASE WHEN w.deleted_at IS NULL THEN '' ELSE w.resource_version END,
    changed_at = greatest(w.phase_at, w.completed_at, w.deleted_at),
    time_pending = coalesce(pending, interval '0'),
    time_running = coalesce(running, interval '0'),
    gpu_millis_allocated = coalesce(gpus, 0),
    cpu_millis_allocated = coalesce(cpu, 0),
    memory_bytes_allocated = coalesce(memory, 0),
    exit_code = failed.exit_code
FROM workloads_workload one
    LEFT JOIN sums ON sums.workload_id = one.id
    LEFT JOIN held ON held.workload_id = one.id
    LEFT JOIN failed ON failed.workload_id = one.id
WHERE one.id = w.id
"""


class Migration(migrations.Migration):
    dependencies = [("workloads", "0003_more_facts"), ("tenancy", "0002_user_preferences")]
    operations = [
        migrations.RunSQL(FUNCTION, BACK),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
