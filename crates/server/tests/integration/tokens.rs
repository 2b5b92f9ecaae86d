//! Tokens: made, listed, changed, revoked, expired.

use flowcd_model::{
    envelope::Code,
    token::{NewToken, TokenPatch},
};

use crate::support::*;

on_both! {
    async fn a_token_works_until_it_is_deleted_or_expires(database) {
        let server = Server::start(database).await;
        let admin = server.admin().await;
        let minted = admin.create_token(&NewToken { description: "ci".to_owned(), expiration: 3_600_000 }).await.expect("minted");
        assert_eq!(minted.cd_token.len(), 40);
        assert!(minted.cd_token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let client = server.client(&minted.cd_token);
        client.list_applications().await.expect("it works");
        let listed = admin.list_tokens().await.expect("the list");
        let token = listed.iter().find(|token| token.id == minted.id).expect("it is listed");
        assert_eq!((token.description.as_str(), token.expire_time), ("ci", minted.expire_time));
        admin.update_token(&TokenPatch { id: minted.id.clone(), expiration: -1 }).await.expect("updated");
        admin.delete_token(&minted.id).await.expect("deleted");
        let error = client.list_applications().await.expect_err("it is gone");
        assert_eq!((error.code(), error.status()), (Some(Code::NeedLogin), Some(401)));
        let error = admin.delete_token(&minted.id).await.expect_err("it is gone");
        assert_eq!(error.code(), Some(Code::NotFound));
        let expired = server.token("admin", 1).await;
        within("the expiry", async {
            while server.client(&expired).list_applications().await.is_ok() {}
        }).await;
        let error = server.client(&expired).list_applications().await.expect_err("it has expired");
        assert!(error.to_string().contains("token 已过期"), "{error}");
        server.stop().await;
    }
}

on_both! {
    async fn an_expiry_is_minus_one_or_a_positive_time(database) {
        let server = Server::start(database).await;
        let admin = server.admin().await;
        for expiration in [0, -2, i64::MIN, i64::MAX] {
            let error = admin.create_token(&NewToken { description: String::new(), expiration }).await.expect_err("refused");
            assert_eq!(error.code(), Some(Code::Invalid), "{expiration}");
        }
        server.stop().await;
    }
}

on_both! {
    async fn a_token_is_taken_from_each_header_that_proxies_let_through(database) {
        let server = Server::start(database).await;
        let token = server.token("admin", -1).await;
        let call = async |name: &str, value: &str| {
            let answer = http().get(server.url("/api/flow/application/list")).header(name, value).send().await;
            answer.expect("an answer").status().as_u16()
        };
        assert_eq!(call("cd_token", &token).await, 200);
        assert_eq!(call("cd-token", &token).await, 200);
        assert_eq!(call("Authorization", &format!("Bearer {token}")).await, 200);
        assert_eq!(call("cd_token", "").await, 401);
        assert_eq!(call("cd_token", "0123456789012345678901234567890123456789").await, 401);
        server.stop().await;
    }
}
