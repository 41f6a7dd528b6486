//! What of acting REST shows: the same records as the stream's, with their times in RFC 3339 beside the milliseconds.

use jarvis_core::{
    audit::Row,
    protocol::acting::{ActionView, ApprovalView, AutonomyView, KillView, ReadResult},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::when::When;

macro_rules! told {
    ($(#[$meta:meta])* $name:ident of $record:ty {
        $($must:ident <- $must_ms:ident),* ; $($may:ident <- $may_ms:ident),*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Serialize, JsonSchema)]
        pub struct $name {
            #[serde(flatten)]
            record: $record,
            $( $must: When, )*
            $(
                #[serde(skip_serializing_if = "Option::is_none")]
                $may: Option<When>,
            )*
        }

        impl From<$record> for $name {
            fn from(record: $record) -> Self {
                $( let $must = When(record.$must_ms); )*
                $( let $may = record.$may_ms.map(When); )*
                Self { record, $($must,)* $($may,)* }
            }
        }
    };
}

told!(ActionTold of ActionView {
    asked_at <- asked_ms;
    waits_since_at <- waits_since_ms, waits_until_at <- waits_until_ms, sent_at <- sent_ms, ended_at <- ended_ms
});
told!(ApprovalTold of ApprovalView {
    opened_at <- opened_ms, expires_at <- expires_ms; decided_at <- decided_ms
});
told!(ReadTold of ReadResult { as_of_at <- as_of_ms; });
told!(KillTold of KillView { ; since_at <- since_ms });
told!(AutonomyTold of AutonomyView { ; since_at <- since_ms });
told!(
    /// A row of the chain. Its hash is made with `at_ms`.
    RowTold of Row { at <- at_ms; }
);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_time_of_acting_stands_in_rfc_3339_beside_its_milliseconds() {
        let view = AutonomyView {
            level: 3,
            unreadable: None,
            by: None,
            since_ms: Some(1_500),
            hour_used: 0,
            hour_max: 6,
            day_used: 0,
            day_max: 20,
            quarantined: vec![],
            scores: vec![],
        };
        let told = serde_json::to_value(AutonomyTold::from(view)).unwrap();
        assert_eq!((&told["since_at"], &told["since_ms"]), (&json!("1970-01-01T00:00:01.5Z"), &json!(1_500)));
        let kill = KillView { on: false, unreadable: None, by: None, since_ms: None };
        assert_eq!(serde_json::to_value(KillTold::from(kill)).unwrap(), json!({"on": false}));
        let schemas = [
            schemars::schema_for!(ActionTold),
            schemars::schema_for!(ApprovalTold),
            schemars::schema_for!(ReadTold),
            schemars::schema_for!(KillTold),
            schemars::schema_for!(AutonomyTold),
            schemars::schema_for!(RowTold),
        ];
        for schema in schemas {
            let schema = schema.to_value();
            let all = schema["properties"].as_object().unwrap();
            for name in all.keys().filter(|name| name.ends_with("_ms")) {
                let at = if name == "at_ms" { "at".to_owned() } else { name.replace("_ms", "_at") };
                assert!(all.contains_key(&at), "{name} has no {at}: {schema}");
            }
        }
    }
}
