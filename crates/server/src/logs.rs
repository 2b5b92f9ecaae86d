//! What the steps print: kept in segments, read by byte offset, live or late.
//!
//! A step's output is cut into segments. Each is one zstd frame in the object store and one row in the database that
//! says which bytes it holds. When the step ends, its segments become one object that `zstdcat` reads.
//! Offsets count what the step printed after masking; a log over its size limit loses its middle, and the offsets
//! of what is left stay as they were.

mod frame;
mod orphan;
mod read;
mod write;

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use flowcd_model::{id::TaskId, step::StepCount, time::Millis};
use flowcd_store::Store;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStore, local::LocalFileSystem, path::Path as ObjectPath};

pub(crate) use read::{LogPart, Piece};
pub(crate) use write::{Rows, StepLog};

/// Why a log could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// The index of the segments.
    #[error("cannot reach the index of the log")]
    Index(#[from] flowcd_store::Error),
    /// The segments themselves.
    #[error("cannot reach the object of the log")]
    Object(#[from] object_store::Error),
    /// A segment that is not what its row says.
    #[error("segment `{object}` of the log is damaged")]
    Damaged {
        /// The object it lies in.
        object: String,
        /// What the decoder says.
        #[source]
        source: std::io::Error,
    },
    /// The compressor failed.
    #[error("cannot compress a segment of the log")]
    Encode(#[source] std::io::Error),
    /// The server is stopping.
    #[error("the work on the log was stopped")]
    Stopped(#[from] tokio::task::JoinError),
}

/// What a step printed in a short while: it becomes a segment.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    /// The bytes, masked.
    pub(crate) bytes: Bytes,
    /// When the first of them came.
    pub(crate) time: Millis,
}

/// The logs of all tasks.
#[derive(Clone)]
pub(crate) struct Logs {
    store: Store,
    objects: Arc<dyn ObjectStore>,
    /// The most bytes kept of one step.
    limit_bytes: u64,
}

impl Logs {
    /// Keeps logs below `folder`, which is made when it is not there.
    pub(crate) fn open(store: Store, folder: &Path, limit_bytes: u64) -> Result<Self, LogError> {
        let objects = LocalFileSystem::new_with_prefix(folder)?.with_automatic_cleanup(true);
        Ok(Self {
            store,
            objects: Arc::new(objects),
            limit_bytes,
        })
    }

    /// Removes objects that no row names any more.
    pub(crate) async fn delete_objects(&self, objects: Vec<ObjectPath>) -> Result<(), LogError> {
        let objects = stream::iter(objects.into_iter().map(Ok)).boxed();
        self.objects
            .delete_stream(objects)
            .try_for_each(|_| async { Ok(()) })
            .await?;
        Ok(())
    }

    /// Removes all objects of a task. Its rows go with the task.
    pub(crate) async fn delete_task(&self, task: &TaskId) -> Result<(), LogError> {
        let folder = ObjectPath::from_iter(["logs", task.as_str()]);
        let objects = self
            .objects
            .list(Some(&folder))
            .map_ok(|object| object.location)
            .boxed();
        self.objects
            .delete_stream(objects)
            .try_for_each(|_| async { Ok(()) })
            .await?;
        Ok(())
    }
}

/// Where the whole log of a step is kept once the step has ended.
fn whole_object(task: &TaskId, step: StepCount) -> ObjectPath {
    ObjectPath::from_iter(["logs", task.as_str(), &format!("step_{step}.log.zst")])
}

/// Where a segment is kept while the step runs.
fn segment_object(task: &TaskId, step: StepCount, number: u64) -> ObjectPath {
    ObjectPath::from_iter(["logs", task.as_str(), &format!("step_{step}.{number}.zst")])
}
