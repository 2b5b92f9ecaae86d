//! Dispatch: starting, repeating and cancelling deployments.

use flowcd_model::{
    dispatch::{Cancel, Dispatched, ManualDispatch, Redeploy},
    envelope::Empty,
    id::TaskId,
};

use crate::{Client, Error, IdempotencyKey};

impl Client {
    /// Starts a deployment. When this returns, the task exists and waits for a runner.
    pub async fn dispatch_task(&self, dispatch: &ManualDispatch) -> Result<Dispatched, Error> {
        self.dispatch_task_with_key(dispatch, IdempotencyKey::generate())
            .await
    }

    /// As [`dispatch_task`](Self::dispatch_task), with a key that is kept across restarts of the caller.
    pub async fn dispatch_task_with_key(
        &self,
        dispatch: &ManualDispatch,
        key: IdempotencyKey,
    ) -> Result<Dispatched, Error> {
        let call = self
            .post("dispatch_task", "/api/flow/dispatch/manual", dispatch)
            .keyed(key);
        self.fetch(&call).await
    }

    /// Deploys the commit, ref and inputs of a task again, with the secrets of today.
    pub async fn redeploy_task(&self, task_id: &TaskId) -> Result<Dispatched, Error> {
        self.redeploy_task_with_key(task_id, IdempotencyKey::generate())
            .await
    }

    /// As [`redeploy_task`](Self::redeploy_task), with a key that is kept across restarts of the caller.
    pub async fn redeploy_task_with_key(
        &self,
        task_id: &TaskId,
        key: IdempotencyKey,
    ) -> Result<Dispatched, Error> {
        self.redeploy(task_id, false, key).await
    }

    /// As [`redeploy_task`](Self::redeploy_task), with a log that also tells the environment, the values of
    /// expressions, the commands of git and timings.
    pub async fn redeploy_task_for_debugging(&self, task_id: &TaskId) -> Result<Dispatched, Error> {
        self.redeploy(task_id, true, IdempotencyKey::generate())
            .await
    }

    async fn redeploy(
        &self,
        task_id: &TaskId,
        is_debug: bool,
        key: IdempotencyKey,
    ) -> Result<Dispatched, Error> {
        let redeploy = Redeploy {
            task_id: task_id.clone(),
            is_debug,
        };
        let call = self
            .post("redeploy_task", "/api/flow/dispatch/redeploy", &redeploy)
            .keyed(key);
        self.fetch(&call).await
    }

    /// Asks for a task's end. A task that runs is cancelled when its processes are gone; follow it to know when.
    pub async fn cancel_task(&self, task_id: &TaskId) -> Result<(), Error> {
        let cancel = Cancel {
            task_id: task_id.clone(),
        };
        let call = self.post("cancel_task", "/api/flow/dispatch/cancel", &cancel);
        self.fetch::<Empty>(&call).await.map(drop)
    }
}
