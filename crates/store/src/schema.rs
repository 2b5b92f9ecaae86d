//! The tables, as both databases have them.

diesel::table! {
    users (id) {
        id -> Text,
        username -> Text,
        password_hash -> Text,
        is_disabled -> Bool,
        secrets_box -> Nullable<Binary>,
        secret_names -> Text,
        created_time -> BigInt,
        updated_time -> BigInt,
        is_admin -> Bool,
    }
}

diesel::table! {
    sessions (cookie_sha256) {
        cookie_sha256 -> Binary,
        user_id -> Text,
        expire_time -> BigInt,
        created_time -> BigInt,
    }
}

diesel::table! {
    tokens (id) {
        id -> Text,
        user_id -> Text,
        description -> Text,
        token_sha256 -> Binary,
        expire_time -> BigInt,
        active_time -> Nullable<BigInt>,
        created_time -> BigInt,
        updated_time -> BigInt,
    }
}

diesel::table! {
    provider_tokens (user_id, provider, origin) {
        user_id -> Text,
        provider -> Text,
        origin -> Text,
        username -> Nullable<Text>,
        token_box -> Binary,
        created_time -> BigInt,
        updated_time -> BigInt,
    }
}

diesel::table! {
    applications (id) {
        id -> Text,
        user_id -> Text,
        provider -> Text,
        provider_repo_id -> Text,
        repo_name -> Text,
        owner -> Text,
        repo_url -> Text,
        description -> Text,
        trigger_spec -> Text,
        webhook_box -> Nullable<Binary>,
        secrets_box -> Nullable<Binary>,
        secret_names -> Text,
        envs -> Nullable<Text>,
        latest_task -> Nullable<Text>,
        latest_number -> BigInt,
        last_number -> BigInt,
        n_pending -> BigInt,
        n_running -> BigInt,
        n_success -> BigInt,
        n_failure -> BigInt,
        n_cancelled -> BigInt,
        created_time -> BigInt,
        updated_time -> BigInt,
        fork_secrets -> Bool,
        webhook -> Nullable<Text>,
        poll_seconds -> Nullable<BigInt>,
        poll_time -> Nullable<BigInt>,
        polled_time -> Nullable<BigInt>,
        poll_problem -> Nullable<Text>,
    }
}

diesel::table! {
    tasks (id) {
        id -> Text,
        app_id -> Text,
        user_id -> Text,
        number -> BigInt,
        status -> Text,
        is_cancel_requested -> Bool,
        steps -> Nullable<Text>,
        message -> Text,
        commit_id -> Text,
        git_ref -> Nullable<Text>,
        owner -> Text,
        repo_name -> Text,
        trigger_type -> Text,
        redelivery -> Nullable<Text>,
        inputs -> Text,
        pipeline_file -> Text,
        error -> Nullable<Text>,
        has_log -> Bool,
        revision -> BigInt,
        instance -> Nullable<Text>,
        claim_token -> Nullable<Text>,
        lease_time -> Nullable<BigInt>,
        created_time -> BigInt,
        updated_time -> BigInt,
        started_time -> Nullable<BigInt>,
        finished_time -> Nullable<BigInt>,
        use_debug -> Bool,
        summary -> Nullable<Text>,
        event -> Nullable<Text>,
        delivery_id -> Nullable<Text>,
        is_fork -> Bool,
    }
}

diesel::table! {
    log_segments (task_id, step_count, first_byte) {
        task_id -> Text,
        step_count -> Integer,
        first_byte -> BigInt,
        n_bytes -> BigInt,
        first_line -> BigInt,
        n_lines -> BigInt,
        object -> Nullable<Text>,
        object_offset -> BigInt,
        object_bytes -> BigInt,
        times -> Text,
    }
}

diesel::table! {
    idempotent_responses (user_id, idempotency_key) {
        user_id -> Text,
        idempotency_key -> Text,
        operation -> Text,
        body_sha256 -> Binary,
        response_box -> Binary,
        created_time -> BigInt,
    }
}

diesel::table! {
    polled_refs (app_id) {
        app_id -> Text,
        refs -> Text,
    }
}

diesel::table! {
    deliveries (id) {
        id -> Text,
        app_id -> Text,
        provider -> Text,
        kind -> Text,
        delivery_key -> Text,
        event -> Text,
        git_ref -> Nullable<Text>,
        commit_id -> Nullable<Text>,
        message -> Text,
        verdict -> Text,
        reason -> Text,
        rules -> Text,
        task_ids -> Text,
        replay_of -> Nullable<Text>,
        headers -> Text,
        body_zstd -> Nullable<Binary>,
        body_bytes -> BigInt,
        duration_us -> BigInt,
        created_time -> BigInt,
    }
}

diesel::table! {
    schedules (app_id, entry) {
        app_id -> Text,
        entry -> Text,
        next_time -> BigInt,
    }
}

diesel::table! {
    status_reports (task_id) {
        task_id -> Text,
        wanted -> Text,
        sent -> Nullable<Text>,
        n_attempts -> BigInt,
        next_time -> Nullable<BigInt>,
        problem -> Nullable<Text>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(users, sessions, tokens);
diesel::allow_tables_to_appear_in_same_query!(status_reports, tasks);
