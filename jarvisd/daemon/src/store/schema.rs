//! The tables as diesel sees them; `migrations/` is what makes them.

diesel::table! {
    events (id) {
        id -> BigInt,
        ts_ms -> BigInt,
        kind -> Text,
        severity -> Integer,
        source -> Text,
        title -> Text,
        detail -> Nullable<Text>,
        node -> Nullable<Text>,
        vmid -> Nullable<BigInt>,
        upid -> Nullable<Text>,
    }
}

diesel::table! {
    users (name) {
        name -> Text,
        password_hash -> Text,
        created_ms -> BigInt,
        changed_ms -> BigInt,
    }
}

diesel::table! {
    sessions (id_hash) {
        id_hash -> Binary,
        account -> Text,
        created_ms -> BigInt,
        last_seen_ms -> BigInt,
        expires_ms -> BigInt,
        fresh_until_ms -> BigInt,
        address -> Text,
        user_agent -> Text,
    }
}

diesel::table! {
    api_tokens (id) {
        id -> BigInt,
        name -> Text,
        secret_hash -> Binary,
        scopes -> Text,
        created_ms -> BigInt,
        expires_ms -> BigInt,
        last_used_ms -> Nullable<BigInt>,
        revoked_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    login_attempts (id) {
        id -> BigInt,
        subject_hash -> Binary,
        at_ms -> BigInt,
    }
}

diesel::table! {
    settings (key) {
        key -> Text,
        value -> Text,
        changed_ms -> BigInt,
    }
}

diesel::table! {
    history_series (id) {
        id -> BigInt,
        entity -> Text,
        metric -> Text,
        last_ms -> BigInt,
    }
}

diesel::table! {
    history_raw (shard, t_ms) {
        shard -> BigInt,
        t_ms -> BigInt,
        samples -> Binary,
    }
}

diesel::table! {
    history_chunks (tier, start_ms, series) {
        tier -> Integer,
        start_ms -> BigInt,
        series -> BigInt,
        data -> Binary,
    }
}

diesel::table! {
    audit (seq) {
        seq -> BigInt,
        at_ms -> BigInt,
        kind -> Text,
        who -> Text,
        subject -> Text,
        detail -> Text,
        prev -> Binary,
        hash -> Binary,
    }
}

diesel::table! {
    approvals (id) {
        id -> Text,
        state -> Text,
        opened_ms -> BigInt,
        changed_ms -> BigInt,
        body -> Text,
        card -> Text,
    }
}

diesel::table! {
    intents (number) {
        number -> BigInt,
        id -> Text,
        hash -> Binary,
        operation -> Text,
        caller -> Text,
        target -> Text,
        meant -> Text,
        wall_ms -> BigInt,
        boot_ms -> BigInt,
        boot -> BigInt,
        upid -> Nullable<Text>,
        ended -> Nullable<Text>,
        verified -> Nullable<Text>,
        ended_ms -> Nullable<BigInt>,
        outcome -> Nullable<Text>,
    }
}

diesel::table! {
    boots (number) {
        number -> BigInt,
        boot -> BigInt,
        last_boot_ms -> BigInt,
    }
}

diesel::table! {
    trust (runbook, class) {
        runbook -> Text,
        class -> Text,
        body -> Text,
        changed_ms -> BigInt,
    }
}

diesel::table! {
    scores (kind) {
        kind -> Text,
        body -> Text,
        changed_ms -> BigInt,
    }
}

diesel::table! {
    standing (key) {
        key -> Text,
        value -> Text,
        changed_ms -> BigInt,
    }
}
