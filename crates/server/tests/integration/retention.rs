//! Deliveries are kept for a while, and not too many of them.

use std::time::Duration;

use bytes::Bytes;
use flowcd_client::Client;
use flowcd_model::id::AppId;
use serde_json::json;

use crate::support::*;

/// Has an application take so many pushes that deploy nothing.
async fn push(client: &Client, app: &AppId, n_pushes: usize) {
    for n in 0..n_pushes {
        let body = json!({"ref": "refs/heads/main", "after": "a".repeat(40), "n": n});
        let replay = json!({"appId": app, "payload": {"event": "push", "body": body}});
        let replay = Bytes::from(replay.to_string());
        client
            .raw("POST", "deliveries/replay", Some(replay))
            .await
            .expect("taken");
    }
}

on_both! {
    async fn of_each_application_the_newest_deliveries_are_kept(database) {
        let server = Server::start_with(database, |config| config.max_deliveries = 2).await;
        let client = server.admin().await;
        let (repo, other) = (Repo::with_pipeline("steps: []\n"), Repo::with_pipeline("steps: []\n"));
        let app = create_app(&client, &repo).await;
        let few = client.create_application(&application("few", &other.url())).await.expect("made").id;
        push(&client, &app, 5).await;
        push(&client, &few, 1).await;
        let newest = deliveries(&client, &app).await.split_off(3);
        // Old things are looked for at the start, and then every hour.
        let server = server.restart().await;
        let client = server.admin().await;
        until("the removal of what is too much", async || {
            (deliveries(&client, &app).await == newest).then_some(())
        })
        .await;
        assert_eq!(deliveries(&client, &few).await.len(), 1);
        server.stop().await;
    }
}

on_both! {
    async fn deliveries_older_than_their_retention_are_removed(database) {
        let server = Server::start_with(database, |config| config.delivery_retention = Some(Duration::ZERO)).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps: []\n");
        let app = create_app(&client, &repo).await;
        push(&client, &app, 3).await;
        assert_eq!(deliveries(&client, &app).await.len(), 3);
        let server = server.restart().await;
        let client = server.admin().await;
        until("the removal of what is too old", async || {
            deliveries(&client, &app).await.is_empty().then_some(())
        })
        .await;
        server.stop().await;
    }
}
