//! The conventions of the schema, checked on the databases themselves.

use std::collections::BTreeSet;

use flowcd_store::DatabaseUrl;

use crate::harness::{TestDb, on_both};

impl TestDb {
    fn columns(&self) -> BTreeSet<String> {
        let sql = match &self.place.url {
            DatabaseUrl::Sqlite(_) => {
                "SELECT m.name || '.' || c.name AS value FROM sqlite_schema m, pragma_table_info(m.name) c \
                 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\'"
            }
            DatabaseUrl::Postgres(_) => {
                "SELECT table_name || '.' || column_name AS value FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_\\_%'"
            }
        };
        self.raw().column(sql).into_iter().flatten().collect()
    }

    /// `table.column -> rule` of every foreign key.
    fn foreign_keys(&self) -> Vec<String> {
        let sql = match &self.place.url {
            DatabaseUrl::Sqlite(_) => {
                "SELECT m.name || '.' || f.\"from\" || ' -> ' || f.on_delete AS value \
                 FROM sqlite_schema m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table' ORDER BY 1"
            }
            DatabaseUrl::Postgres(_) => {
                "SELECT k.table_name || '.' || k.column_name || ' -> ' || r.delete_rule AS value \
                 FROM information_schema.referential_constraints r \
                 JOIN information_schema.key_column_usage k USING (constraint_schema, constraint_name) \
                 WHERE constraint_schema = current_schema() ORDER BY 1"
            }
        };
        self.raw().column(sql).into_iter().flatten().collect()
    }

    /// The first column of every index, as `table.column`.
    fn indexed(&self) -> BTreeSet<String> {
        let sql = match &self.place.url {
            DatabaseUrl::Sqlite(_) => {
                "SELECT m.name || '.' || i.name AS value FROM sqlite_schema m, pragma_index_list(m.name) l, \
                 pragma_index_info(l.name) i WHERE m.type = 'table' AND i.seqno = 0"
            }
            DatabaseUrl::Postgres(_) => {
                "SELECT t.relname || '.' || a.attname AS value FROM pg_index i \
                 JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace \
                 JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0] \
                 WHERE n.nspname = current_schema()"
            }
        };
        self.raw().column(sql).into_iter().flatten().collect()
    }
}

on_both! {
    async fn every_reference_cascades_and_is_indexed(db: &TestDb) {
        let foreign_keys = db.foreign_keys();
        assert_eq!(foreign_keys.len(), 11, "{foreign_keys:?}");
        let indexed = db.indexed();
        for key in foreign_keys {
            let (column, rule) = key.split_once(" -> ").expect("a rule");
            assert_eq!(rule, "CASCADE", "{column}");
            assert!(indexed.contains(column), "{column} has no index: {indexed:?}");
        }
    }

    async fn columns_are_named_by_the_rules(db: &TestDb) {
        let columns = db.columns();
        for column in &columns {
            let (_, name) = column.split_once('.').expect("a column");
            assert!(!name.ends_with("_at"), "{column}: times end in `_time`, as the published API has them");
            assert!(!["secret", "password", "token", "key"].contains(&name), "{column}: sealed or hashed, and called so");
        }
        assert!(columns.len() > 70, "{columns:?}");
        for table in ["users", "tokens", "provider_tokens", "applications", "tasks"] {
            for name in ["created_time", "updated_time"] {
                assert!(columns.contains(&format!("{table}.{name}")), "{table}.{name}");
            }
        }
    }
}

#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let (sqlite, postgres) = (TestDb::sqlite().await, TestDb::postgres().await);
    assert_eq!(sqlite.columns(), postgres.columns());
    assert_eq!(sqlite.foreign_keys(), postgres.foreign_keys());
}

#[tokio::test]
async fn the_queue_and_the_leases_are_read_from_their_indexes() {
    let db = TestDb::sqlite().await;
    for (query, index) in [
        (
            "SELECT id FROM tasks WHERE status = 'pending' ORDER BY created_time, number, id LIMIT 1",
            "tasks_queue",
        ),
        (
            "SELECT id FROM tasks WHERE status = 'running' AND lease_time < 5 ORDER BY lease_time",
            "tasks_leases",
        ),
        (
            "SELECT id FROM tasks WHERE has_log AND finished_time < 5 ORDER BY finished_time, id",
            "tasks_with_log",
        ),
        (
            "SELECT id FROM applications WHERE user_id = 'x' ORDER BY updated_time DESC, created_time DESC, id DESC",
            "applications_recent",
        ),
    ] {
        #[derive(diesel::QueryableByName)]
        struct Plan {
            #[diesel(sql_type = diesel::sql_types::Text)]
            detail: String,
        }
        let crate::harness::Raw::Sqlite(mut conn) = db.raw() else {
            panic!("an SQLite database");
        };
        let plan: Vec<Plan> = diesel::RunQueryDsl::load(
            diesel::sql_query(format!("EXPLAIN QUERY PLAN {query}")),
            &mut conn,
        )
        .expect("a plan");
        let plan: Vec<String> = plan.into_iter().map(|line| line.detail).collect();
        let plan = plan.join("\n");
        assert!(plan.contains(index), "{query}\n{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{query}\n{plan}");
    }
}
