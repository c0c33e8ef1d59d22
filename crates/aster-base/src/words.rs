use serde::de::value::StrDeserializer;
use serde::de::{Deserializer, IntoDeserializer, Visitor, value};
use serde::{Deserialize, forward_to_deserialize_any};

use crate::setting::SettingError;

/// Implements `FromStr` and `Display` of enums by the words that serde has for their variants.
#[macro_export]
macro_rules! words {
    ($($name:ty),+ $(,)?) => {$(
        /// Parses the word that a config has for it.
        impl std::str::FromStr for $name {
            type Err = $crate::SettingError;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                $crate::of_word(word)
            }
        }

        /// Writes the word that a config has for it.
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                serde::Serialize::serialize(self, f)
            }
        }
    )+};
}

/// Parses an enum of words.
///
/// # Errors
/// Another word, told with those that are expected.
pub fn of_word<'a, T: Deserialize<'a>>(word: &'a str) -> Result<T, SettingError> {
    let mut expected = (String::new(), String::new());
    T::deserialize(Word { word, expected: &mut expected })
        .map_err(|_| SettingError::new(expected.0, expected.1, format!("{word:?}")))
}

/// Deserializer of one word that notes what could be there.
struct Word<'a, 'e> {
    word: &'a str,
    /// Name of the enum, and its words.
    expected: &'e mut (String, String),
}

impl<'de> Deserializer<'de> for Word<'de, '_> {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_borrowed_str(self.word)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.expected = (name.into(), format!("one of {}", variants.join(", ")));
        let word: StrDeserializer<'_, value::Error> = self.word.into_deserializer();
        word.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Late {
        Drop,
        StartAnew,
    }

    crate::words!(Late);

    #[test]
    fn words_are_those_of_configs() {
        assert_eq!("start_anew".parse(), Ok(Late::StartAnew));
        assert_eq!(Late::Drop.to_string(), "drop");
        let error = "Drop".parse::<Late>().unwrap_err().to_string();
        assert_eq!(error, "Late: expected one of drop, start_anew, got \"Drop\"");
    }
}
