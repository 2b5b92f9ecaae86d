//! The one thread that writes to SQLite.
//!
//! SQLite has one writer at a time, and a durable commit costs an fdatasync. So whatever has queued up while the
//! last commit was on its way shares the next one: each piece of work runs in a savepoint of its own, then all are
//! committed, then all are answered. Nothing is answered before it is on the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::{mpsc, oneshot};

use crate::{
    Error, Result,
    conn::{Conn, DatabaseUrl, Role},
};

/// At most this many pieces of work share a commit, so that a reader of the answer never waits for long.
const MAX_GROUP: usize = 256;

/// Work that waits for the writer; more than this, and its senders wait.
const QUEUE: usize = 1024;

/// A piece of work: it writes, and says whether to keep that and how to answer once this is settled. Without a
/// connection to write to, it answers why.
type Work =
    Box<dyn FnOnce(std::result::Result<&mut Conn, GroupFailure>) -> (Verdict, Answer) + Send>;

/// Tells the one who waits how it ended: his own result when the group was committed, else why it was not.
type Answer = Box<dyn FnOnce(std::result::Result<(), GroupFailure>) + Send>;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Keep,
    Undo,
}

/// Why nothing of a group was written. Each member gets a copy.
#[derive(Clone, Debug)]
struct GroupFailure(String);

/// The queue of the thread that writes. The thread ends when the last of these is dropped and the queue is empty.
pub(crate) struct Writer {
    queue: mpsc::Sender<Work>,
}

impl Writer {
    pub(crate) fn start(url: DatabaseUrl, conn: Conn) -> Result<Self> {
        let (queue, work) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("flowcd-writer".to_owned())
            .spawn(move || write_groups(&url, conn, work))
            .map_err(|err| Error::Unavailable {
                reason: format!("cannot start the thread that writes: {err}"),
            })?;
        Ok(Self { queue })
    }

    pub(crate) async fn run<T, F>(&self, write: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let work: Work = Box::new(move |conn| {
            let result = match conn {
                Ok(conn) => write(conn),
                Err(GroupFailure(reason)) => Err(Error::NotCommitted { reason }),
            };
            let verdict = match result {
                Ok(_) => Verdict::Keep,
                Err(_) => Verdict::Undo,
            };
            let answer: Answer = Box::new(move |group| {
                let result = match (result, group) {
                    (Ok(_), Err(GroupFailure(reason))) => Err(Error::NotCommitted { reason }),
                    (result, _) => result,
                };
                // Whoever asked may have gone; the work is done all the same.
                let _ = sender.send(result);
            });
            (verdict, answer)
        });
        self.queue.send(work).await.map_err(|_| Error::Stopped)?;
        receiver.await.map_err(|_| Error::Panicked)?
    }
}

fn write_groups(url: &DatabaseUrl, conn: Conn, mut queue: mpsc::Receiver<Work>) {
    let mut conn = Some(conn);
    let mut group = Vec::new();
    while let Some(first) = queue.blocking_recv() {
        group.push(first);
        while group.len() < MAX_GROUP
            && let Ok(next) = queue.try_recv()
        {
            group.push(next);
        }
        let usable = match conn.take() {
            Some(conn) => Ok(conn),
            None => Conn::establish(url, Role::Writer),
        };
        match usable {
            Ok(mut usable) => {
                write_group(&mut usable, &mut group);
                // A connection that is stuck in a transaction is thrown away; closing it undoes the transaction.
                conn = (!usable.is_broken()).then_some(usable);
            }
            Err(err) => {
                let failure = GroupFailure::new(&err);
                group.drain(..).for_each(|work| refuse(work, &failure));
            }
        }
    }
}

/// Writes a group, commits it, and answers its members. Leaves `group` empty.
fn write_group(conn: &mut Conn, group: &mut Vec<Work>) {
    let is_alone = group.len() == 1;
    let mut answers = Vec::with_capacity(group.len());
    let mut has_writes = false;
    let mut settled = conn.begin().map_err(|err| GroupFailure::new(&err));
    for work in group.drain(..) {
        if let Err(failure) = &settled {
            refuse(work, failure);
            continue;
        }
        match write_one(conn, work, is_alone, &mut answers) {
            Ok(verdict) => has_writes |= verdict == Verdict::Keep,
            Err(failure) => settled = Err(failure),
        }
    }
    let ended = match &settled {
        Ok(()) if has_writes => conn.commit(),
        _ => conn.roll_back(),
    };
    // Where there is a failure already, that of the roll-back only follows from it.
    let settled = settled.and(ended.map_err(|err| GroupFailure::new(&err)));
    for answer in answers {
        answer(settled.clone());
    }
}

/// Runs one piece of work so that it leaves nothing behind when it fails. The error is one of the whole group.
///
/// Work that is alone needs no savepoint: the transaction is undone with it.
fn write_one(
    conn: &mut Conn,
    work: Work,
    is_alone: bool,
    answers: &mut Vec<Answer>,
) -> std::result::Result<Verdict, GroupFailure> {
    if !is_alone && let Err(err) = conn.begin() {
        let failure = GroupFailure::new(&err);
        refuse(work, &failure);
        return Err(failure);
    }
    // A panic is a defect of one piece of work, and must not take the writes of everybody else with it. The one who
    // waits notices that nobody will answer.
    let verdict = match catch_unwind(AssertUnwindSafe(|| work(Ok(conn)))) {
        Ok((verdict, answer)) => {
            answers.push(answer);
            verdict
        }
        Err(_) => Verdict::Undo,
    };
    if !is_alone {
        let ended = match verdict {
            Verdict::Keep => conn.commit(),
            Verdict::Undo => conn.roll_back(),
        };
        ended.map_err(|err| GroupFailure::new(&err))?;
    }
    Ok(verdict)
}

/// Answers work that cannot be begun.
fn refuse(work: Work, failure: &GroupFailure) {
    let (_, answer) = work(Err(failure.clone()));
    answer(Err(failure.clone()));
}

impl GroupFailure {
    fn new(err: &Error) -> Self {
        let reason = chain(err);
        tracing::error!("Cannot write to the database: {reason}");
        Self(reason)
    }
}

fn chain(err: &Error) -> String {
    let mut text = err.to_string();
    let mut source = std::error::Error::source(err);
    while let Some(err) = source {
        text = format!("{text}: {err}");
        source = err.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use diesel::{RunQueryDsl, connection::SimpleConnection, sql_types::BigInt};

    use super::Writer;
    use crate::{
        Error, Result,
        conn::{Conn, DatabaseUrl, Role},
    };

    #[derive(diesel::QueryableByName)]
    struct Sum {
        #[diesel(sql_type = BigInt)]
        sum: i64,
    }

    fn sqlite(conn: &mut Conn) -> &mut diesel::SqliteConnection {
        match conn {
            Conn::Sqlite(conn) => conn,
            Conn::Postgres(_) => panic!("the writer is SQLite's"),
        }
    }

    fn add(number: i64) -> impl Fn(&mut Conn) -> Result<i64> {
        move |conn| {
            sqlite(conn).batch_execute(&format!("INSERT INTO numbers VALUES ({number})"))?;
            match number % 3 {
                0 => Err(Error::OutOfRange("number")),
                1 => panic!("a defect, made for this test"),
                _ => Ok(number),
            }
        }
    }

    /// Work piles up behind one piece that waits for `go`, so that the rest makes up one group.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_group_is_kept_but_for_what_failed_or_panicked() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = DatabaseUrl::Sqlite(folder.path().join("test.db"));
        let conn = Conn::establish(&url, Role::Writer).expect("a connection");
        let writer = std::sync::Arc::new(Writer::start(url, conn).expect("a thread"));
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let (begin, begun) = tokio::sync::oneshot::channel::<()>();
        let first = tokio::spawn({
            let writer = writer.clone();
            async move {
                let create = move |conn: &mut Conn| {
                    sqlite(conn).batch_execute("CREATE TABLE numbers (number INTEGER NOT NULL)")?;
                    begin.send(()).map_err(|()| Error::Stopped)?;
                    wait.recv().map_err(|_| Error::Stopped)
                };
                writer.run(create).await
            }
        });
        // Those who ask at the same time are served in any order.
        begun.await.expect("the first has begun");
        let mut group = tokio::task::JoinSet::new();
        for number in 0..30 {
            let writer = writer.clone();
            group.spawn(async move { (number, writer.run(add(number)).await) });
        }
        go.send(()).expect("the first is waiting");
        first.await.expect("no panic").expect("the table is made");
        for (number, result) in group.join_all().await {
            match (number % 3, result) {
                (0, Err(Error::OutOfRange(_))) | (1, Err(Error::Panicked)) => {}
                (2, Ok(written)) => assert_eq!(written, number),
                (_, other) => panic!("{number}: {other:?}"),
            }
        }
        let sum = |conn: &mut Conn| {
            let query = diesel::sql_query("SELECT SUM(number) AS sum FROM numbers");
            let sum: Sum = query.get_result(sqlite(conn))?;
            Ok(sum.sum)
        };
        let kept: i64 = (0..30).filter(|number| number % 3 == 2).sum();
        assert_eq!(writer.run(sum).await.expect("it still works"), kept);
    }
}
