//! Bringing the schema up to date.

use std::collections::BTreeSet;

use diesel::{
    Connection, PgConnection, RunQueryDsl, SqliteConnection,
    backend::Backend,
    migration::{Migration, MigrationSource},
    sql_types::BigInt,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{Error, Result, conn::Conn};

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// The name of the lock under which servers that share a PostgreSQL database take turns to migrate it.
const ADVISORY_LOCK: i64 = 0x666c_6f77_6364;

/// Runs what has not been run, all in one transaction, so that two processes that start at once take turns.
pub(crate) fn run_pending(conn: &mut Conn) -> Result<()> {
    let migrated = match conn {
        Conn::Sqlite(conn) => conn.immediate_transaction(sqlite),
        Conn::Postgres(conn) => conn.transaction(postgres),
    };
    migrated.map_err(|err| match err {
        Failure::Database(err) => Error::Migration(err.to_string()),
        Failure::Migration(reason) => Error::Migration(reason),
    })
}

enum Failure {
    Database(diesel::result::Error),
    Migration(String),
}

impl From<diesel::result::Error> for Failure {
    fn from(err: diesel::result::Error) -> Self {
        Self::Database(err)
    }
}

fn sqlite(conn: &mut SqliteConnection) -> std::result::Result<(), Failure> {
    run(conn, SQLITE)
}

fn postgres(conn: &mut PgConnection) -> std::result::Result<(), Failure> {
    diesel::sql_query("SELECT pg_advisory_xact_lock($1)")
        .bind::<BigInt, _>(ADVISORY_LOCK)
        .execute(conn)?;
    run(conn, POSTGRES)
}

fn run<DB: Backend>(
    conn: &mut impl MigrationHarness<DB>,
    source: EmbeddedMigrations,
) -> std::result::Result<(), Failure> {
    let failed =
        |err: Box<dyn std::error::Error + Send + Sync>| Failure::Migration(err.to_string());
    let known: BTreeSet<String> = MigrationSource::<DB>::migrations(&source)
        .map_err(failed)?
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    let applied = conn.applied_migrations().map_err(failed)?;
    if let Some(version) = applied
        .iter()
        .map(ToString::to_string)
        .find(|version| !known.contains(version))
    {
        return Err(Failure::Migration(format!(
            "it was migrated by a newer release (`{version}` is unknown to this one)"
        )));
    }
    conn.run_pending_migrations(source).map_err(failed)?;
    Ok(())
}
