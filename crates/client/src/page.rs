//! Lists that come in parts.

use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};

use crate::Error;

/// Entries asked for at once when all are streamed.
pub(crate) const PAGE_SIZE: i64 = 100;

/// A part of a list, and the cursor of the next one.
pub(crate) type Part<T> = (Vec<T>, Option<String>);

/// All entries from `cursor` on, asked for part by part as they are taken. It ends after the first error.
pub(crate) fn stream_parts<T, F>(
    cursor: Option<String>,
    ask: impl Fn(Option<String>) -> F + Send + 'static,
) -> BoxStream<'static, Result<T, Error>>
where
    T: Send + 'static,
    F: Future<Output = Result<Part<T>, Error>> + Send + 'static,
{
    let parts = stream::try_unfold(Some(cursor), move |cursor| {
        let asked = cursor.map(|cursor| (ask(cursor.clone()), cursor));
        async move {
            let Some((part, cursor)) = asked else {
                return Ok(None);
            };
            let (entries, next) = part.await?;
            // The same cursor again would be a server's mistake that asks for ever.
            let next = next.filter(|next| cursor.as_ref() != Some(next));
            Ok(Some((
                stream::iter(entries.into_iter().map(Ok)),
                next.map(Some),
            )))
        }
    });
    parts.try_flatten().boxed()
}
