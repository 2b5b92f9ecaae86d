//! Tasks.

use flowcd_model::{
    envelope::Empty,
    id::TaskId,
    page::Page,
    task::{Task, TaskQuery, TaskRef},
};
use futures_util::Stream;

use crate::{
    Client, Error,
    page::{PAGE_SIZE, stream_parts},
};

impl Client {
    /// A page of an application's tasks, newest first.
    pub async fn list_tasks(&self, query: &TaskQuery) -> Result<Page<Task>, Error> {
        let call = self.get("list_tasks", "/api/flow/task/list", query);
        self.fetch(&call).await
    }

    /// All of an application's tasks from `query`'s cursor on, newest first, read page by page as they are taken.
    ///
    /// It ends after the first error.
    pub fn stream_tasks(
        &self,
        query: &TaskQuery,
    ) -> impl Stream<Item = Result<Task, Error>> + Send + Unpin + use<> {
        let client = self.clone();
        let mut query = query.clone();
        query.current_page = None;
        query.page_size = None;
        query.limit.get_or_insert(PAGE_SIZE);
        stream_parts(query.cursor.take(), move |cursor| {
            let client = client.clone();
            let query = TaskQuery {
                cursor,
                ..query.clone()
            };
            async move {
                let page = client.list_tasks(&query).await?;
                Ok((page.result, page.next_cursor))
            }
        })
    }

    /// One task.
    pub async fn get_task(&self, task_id: &TaskId) -> Result<Task, Error> {
        let query = TaskRef {
            task_id: task_id.clone(),
        };
        let call = self.get("get_task", "/api/flow/task/get", &query);
        self.fetch(&call).await
    }

    /// Removes a task that has ended, with its logs.
    pub async fn remove_task(&self, task_id: &TaskId) -> Result<(), Error> {
        let body = TaskRef {
            task_id: task_id.clone(),
        };
        let call = self.post("remove_task", "/api/flow/task/remove", &body);
        self.fetch::<Empty>(&call).await.map(drop)
    }
}
