//! Tasks.

use std::collections::VecDeque;

use flowcd_model::{
    envelope::Empty,
    id::TaskId,
    page::Page,
    task::{Task, TaskQuery, TaskRef},
};
use futures_util::{Stream, StreamExt, stream};

use crate::{Client, Error};

/// Tasks asked for at once when all are streamed.
const PAGE_SIZE: i64 = 100;

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
        let mut query = query.clone();
        query.current_page = None;
        query.page_size = None;
        query.limit.get_or_insert(PAGE_SIZE);
        let pages = Pages {
            client: self.clone(),
            query: Some(query),
            tasks: VecDeque::new(),
        };
        let tasks = stream::unfold(pages, async |mut pages| {
            pages.next().await.map(|item| (item, pages))
        });
        Box::pin(tasks.fuse())
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

struct Pages {
    client: Client,
    /// What to ask next; `None` when there is no more.
    query: Option<TaskQuery>,
    tasks: VecDeque<Task>,
}

impl Pages {
    async fn next(&mut self) -> Option<Result<Task, Error>> {
        loop {
            if let Some(task) = self.tasks.pop_front() {
                return Some(Ok(task));
            }
            let mut query = self.query.take()?;
            let page = match self.client.list_tasks(&query).await {
                Ok(page) => page,
                Err(error) => return Some(Err(error)),
            };
            self.tasks = page.result.into();
            // The same cursor again would be a server's mistake that asks for ever.
            if page.next_cursor.is_some() && page.next_cursor != query.cursor {
                query.cursor = page.next_cursor;
                self.query = Some(query);
            }
        }
    }
}
