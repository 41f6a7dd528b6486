//! One declaration gives a record, the values of its merge patch, and what `patch` needs of both.
//!
//! Records are flat, so that a change travels as an RFC 7396 merge patch: a field that is there
//! replaces, `null` removes, an absent field stays. Optional fields that are unset are left out of the
//! JSON altogether, so a client that merges patches ends with exactly the object a snapshot would give.

use serde::{Deserialize, Deserializer};

/// Tells "the field is there and null" from "the field is not there".
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

/// Declares a record `$name` and its patch `$patch`: `required` fields are always there, `optional`
/// ones may be missing (not known, not applicable).
macro_rules! record {
    (
        $(#[$meta:meta])*
        $name:ident, $patch:ident;
        required { $( $(#[$rm:meta])* $r:ident : $rt:ty ),* $(,)? }
        optional { $( $(#[$om:meta])* $o:ident : $ot:ty ),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[cfg_attr(test, derive(ts_rs::TS), ts(export))]
        pub struct $name {
            $( $(#[$rm])* pub $r: $rt, )*
            $(
                $(#[$om])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                #[cfg_attr(test, ts(optional))]
                pub $o: Option<$ot>,
            )*
        }

        #[doc = concat!("Fields of a [`", stringify!($name), "`] that may be there or not: `null` removes an optional one.")]
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $patch {
            $(
                #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::cluster::record::present")]
                pub $r: Option<$rt>,
            )*
            $(
                #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::cluster::record::present")]
                pub $o: Option<Option<$ot>>,
            )*
        }

        const _: () = assert!(
            [$( stringify!($r), )* $( stringify!($o), )*].len() <= 64,
            "a patch has one bit for each field: more of them need a wider number"
        );

        impl crate::cluster::patch::Record for $name {
            type Values = $patch;

            fn changed(&self, next: &Self) -> u64 {
                let mut fields = crate::cluster::patch::Fields::default();
                $( fields.push(self.$r != next.$r); )*
                $( fields.push(self.$o != next.$o); )*
                fields.bits()
            }

            fn present(&self) -> u64 {
                let mut fields = crate::cluster::patch::Fields::default();
                $( let _ = &self.$r; fields.push(true); )*
                $( fields.push(self.$o.is_some()); )*
                fields.bits()
            }

            fn values(&self, mut fields: u64) -> $patch {
                let mut next = || { let named = fields & 1 == 1; fields >>= 1; named };
                $patch {
                    $( $r: next().then(|| self.$r.clone()), )*
                    $( $o: next().then(|| self.$o.clone()), )*
                }
            }

            fn write<M: serde::ser::SerializeMap>(&self, mut fields: u64, map: &mut M) -> Result<(), M::Error> {
                let mut next = || { let named = fields & 1 == 1; fields >>= 1; named };
                $( if next() { map.serialize_entry(stringify!($r), &self.$r)?; } )*
                $( if next() { map.serialize_entry(stringify!($o), &self.$o)?; } )*
                Ok(())
            }

            fn merge(&mut self, values: $patch) {
                $( if let Some(v) = values.$r { self.$r = v; } )*
                $( if let Some(v) = values.$o { self.$o = v; } )*
            }

            fn create(values: $patch) -> Option<Self> {
                Some(Self {
                    $( $r: values.$r?, )*
                    $( $o: values.$o.flatten(), )*
                })
            }
        }
    };
}
pub(crate) use record;
