//! One declaration gives a record, its merge patch, and `diff`/`apply` between them.
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

        #[doc = concat!("Merge patch of [`", stringify!($name), "`]: `null` removes an optional field.")]
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

        impl $name {
            /// What must be merged into `self` to get `next`; `None` when nothing differs.
            pub fn diff(&self, next: &Self) -> Option<$patch> {
                // Each field is compared once: a big poll compares a quarter of a million of them.
                let mut differs = false;
                let patch = $patch {
                    $( $r: (self.$r != next.$r).then(|| { differs = true; next.$r.clone() }), )*
                    $( $o: (self.$o != next.$o).then(|| { differs = true; next.$o.clone() }), )*
                };
                differs.then_some(patch)
            }

            /// Merges a patch in place.
            pub fn apply(&mut self, patch: $patch) {
                $( if let Some(v) = patch.$r { self.$r = v; } )*
                $( if let Some(v) = patch.$o { self.$o = v; } )*
            }

            /// The patch that creates this record where there was none.
            pub fn to_patch(&self) -> $patch {
                $patch {
                    $( $r: Some(self.$r.clone()), )*
                    $( $o: self.$o.clone().map(Some), )*
                }
            }
        }

        impl $patch {
            /// The record this patch creates, if every required field is there.
            pub fn into_record(self) -> Option<$name> {
                Some($name {
                    $( $r: self.$r?, )*
                    $( $o: self.$o.flatten(), )*
                })
            }
        }
    };
}
pub(crate) use record;
