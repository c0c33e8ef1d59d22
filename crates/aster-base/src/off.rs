//! Serde adapter for settings that can be turned off, written as the word `"off"`.
//!
//! TOML has no null, so a default that is on could not be turned off with an `Option` alone:
//! `drift = "off"`. A null is read as off too. Use it as `#[serde(with = "aster_base::off")]`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes the value, or `"off"`.
///
/// # Errors
/// The serialiser's own.
pub fn serialize<T: Serialize, S: Serializer>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => value.serialize(serializer),
        None => serializer.serialize_str("off"),
    }
}

/// Reads a value, `"off"` or null.
///
/// # Errors
/// What is neither of these.
pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(OffOr(PhantomData))
}

struct OffOr<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OffOr<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or \"off\"")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        match text {
            "off" => Ok(None),
            _ => T::deserialize(text.into_deserializer()).map(Some),
        }
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(Some)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(Some)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(Some)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(Some)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Self::Value, A::Error> {
        T::deserialize(SeqAccessDeserializer::new(sequence)).map(Some)
    }
}

/// Stands in for `Option<T>` in a JSON schema: a value of the type, or the word.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema, Serialize)]
#[schemars(inline)]
#[serde(untagged)]
#[allow(missing_docs, missing_debug_implementations)]
pub enum Schema<T> {
    On(T),
    Off(Word),
}

/// The word that turns a setting off.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema, Serialize)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, missing_debug_implementations)]
pub enum Word {
    Off,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        a: u32,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Outer {
        #[serde(with = "super")]
        inner: Option<Inner>,
        #[serde(with = "super")]
        number: Option<f32>,
    }

    #[test]
    fn values_and_off_read_back_from_json_and_toml() {
        for value in [
            Outer { inner: Some(Inner { a: 3 }), number: None },
            Outer { inner: None, number: Some(0.5) },
        ] {
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Outer>(&json).unwrap(), value);
            let text = toml::to_string(&value).unwrap();
            assert_eq!(toml::from_str::<Outer>(&text).unwrap(), value);
        }
        let null = r#"{"inner": null, "number": 2}"#;
        assert_eq!(
            serde_json::from_str::<Outer>(null).unwrap(),
            Outer { inner: None, number: Some(2.0) }
        );
    }

    #[test]
    fn what_is_wrong_inside_is_told() {
        let told = |text| serde_json::from_str::<Outer>(text).unwrap_err().to_string();
        let unknown = told(r#"{"inner": {"b": 1}, "number": "off"}"#);
        assert!(unknown.contains("unknown field `b`"), "{unknown}");
        let word = told(r#"{"inner": "of", "number": "off"}"#);
        assert!(word.contains("\"of\""), "{word}");
    }
}
