"""The words people search for get a table of their own, without the phase; triggers keep it, as before."""

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

TEXT = """upper(concat_ws(' ',
        {row}.name, {row}.kind,{phase} {row}.namespace, {row}.image, array_to_string({row}.nodes, ' '),
        {row}.application, array_to_string({row}.labels, ' '),
        (SELECT name FROM tenancy_project WHERE id = {row}.project_id),
        (SELECT concat_ws(' ', username, first_name, last_name)
            FROM tenancy_user WHERE id = {row}.created_by_id)))"""
THERE = f"""
DROP TRIGGER search_text ON workloads_workload;
DROP FUNCTION workloads_search_text();

CREATE FUNCTION workloads_keep_search_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO workloads_searchtext (workload_id, text) VALUES (NEW.id, {TEXT.format(row="NEW", phase="")})
    ON CONFLICT (workload_id) DO UPDATE SET text = excluded.text
        WHERE workloads_searchtext.text IS DISTINCT FROM excluded.text;
    RETURN NULL;
END $$;

CREATE TRIGGER search_text AFTER INSERT OR
    UPDATE OF name, kind, namespace, image, nodes, application, labels, project_id, created_by_id
    ON workloads_workload FOR EACH ROW EXECUTE FUNCTION workloads_keep_search_text();

SET CONSTRAINTS ALL IMMEDIATE;  -- or the index could not be made in this transaction
INSERT INTO workloads_searchtext (workload_id, text) SELECT w.id, {TEXT.format(row="w", phase="")}
    FROM workloads_workload w;
SET CONSTRAINTS ALL DEFERRED;
"""
BACK = f"""
DROP TRIGGER search_text ON workloads_workload;
DROP FUNCTION workloads_keep_search_text();

CREATE FUNCTION workloads_search_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_text := {TEXT.format(row="NEW", phase=" NEW.phase,")};
    RETURN NEW;
END $$;

CREATE TRIGGER search_text BEFORE INSERT OR
    UPDATE OF name, kind, phase, namespace, image, nodes, application, labels, project_id, created_by_id
    ON workloads_workload FOR EACH ROW EXECUTE FUNCTION workloads_search_text();

UPDATE workloads_workload SET name = name;
"""


class Migration(migrations.Migration):
    dependencies = [("workloads", "0018_event_words")]
    operations = [
        migrations.CreateModel(
            name="SearchText",
            fields=[
                (
                    "workload",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search_text",
                        serialize=False,
                        to="workloads.workload",
                    ),
                ),
                ("text", models.TextField()),
            ],
        ),
        migrations.RunSQL(THERE, BACK),
        migrations.RemoveIndex(model_name="workload", name="by_words"),
        migrations.RemoveField(model_name="workload", name="search_text"),
        migrations.AddIndex(
            model_name="searchtext",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass("text", name="gin_trgm_ops"),
                name="by_words",
            ),
        ),
    ]
