use aster::SettingError;

/// Subjects, streams and buckets of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    group: String,
}

impl Names {
    /// Creates the names of a group of series that share a detector.
    ///
    /// # Errors
    /// A group whose name has other characters than letters, digits, `-` and `_`.
    pub fn new(group: impl Into<String>) -> Result<Self, SettingError> {
        let group = group.into();
        let known = |it: char| it.is_ascii_alphanumeric() || "-_".contains(it);
        match !group.is_empty() && group.chars().all(known) {
            true => Ok(Self { group }),
            false => Err(SettingError::new("group", "letters, digits, - and _", &group)),
        }
    }

    /// Returns the group.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Stream of the rows.
    pub fn rows(&self) -> String {
        format!("aster-{}-rows", self.group)
    }

    /// Stream of the alarms and notices.
    pub fn alarms(&self) -> String {
        format!("aster-{}-alarms", self.group)
    }

    /// Stream of the rows that no worker can take.
    pub fn rejected(&self) -> String {
        format!("aster-{}-rejected", self.group)
    }

    /// Key-value bucket of the states of series.
    pub fn states(&self) -> String {
        format!("aster-{}-states", self.group)
    }

    /// Key-value bucket in which workers divide the partitions.
    pub fn leases(&self) -> String {
        format!("aster-{}-leases", self.group)
    }

    /// Object store of the detectors.
    pub fn detectors(&self) -> String {
        format!("aster-{}-detectors", self.group)
    }

    /// Subject of a series' rows: `aster.<group>.rows.<partition>.<series>`.
    pub fn subject_of_rows(&self, series: &str, partitions: u32) -> String {
        let token = token(series);
        format!("aster.{}.rows.{}.{token}", self.group, partition(&token, partitions))
    }

    /// Subject of a series' alarms: `aster.<group>.alarms.<series>`.
    pub fn subject_of_alarms(&self, series: &str) -> String {
        format!("aster.{}.alarms.{}", self.group, token(series))
    }

    /// Subject of a series' rows that no worker can take: `aster.<group>.rejected.<series>`.
    pub fn subject_of_rejected(&self, series: &str) -> String {
        format!("aster.{}.rejected.{}", self.group, token(series))
    }

    pub(crate) fn filter_of_rows(&self, partition: u32) -> String {
        format!("aster.{}.rows.{partition}.*", self.group)
    }

    pub(crate) fn all(&self, kind: &str) -> String {
        format!("aster.{}.{kind}.>", self.group)
    }
}

/// Partition of a series: the same number as the broker's own `{{partition(n, 1)}}` has for its token
/// (FNV-1a of 32 bits).
pub fn partition(token: &str, partitions: u32) -> u32 {
    let hash = token
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % partitions
}

/// Name of a series as a token of a subject and as a key: bytes other than letters, digits, `-` and `_`
/// as `=` and two hexadecimal digits.
pub fn token(series: &str) -> String {
    let mut token = String::with_capacity(series.len());
    for byte in series.bytes() {
        match byte.is_ascii_alphanumeric() || b"-_".contains(&byte) {
            true => token.push(byte.into()),
            false => token.push_str(&format!("={byte:02X}")),
        }
    }
    token
}

/// Name of the series that has a token; the token itself where it is none of [`token`].
pub fn series(token: &str) -> String {
    let mut bytes = vec![];
    let mut rest = token.bytes();
    while let Some(byte) = rest.next() {
        let digits = || -> Option<u8> {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()
        };
        match byte {
            b'=' => match { digits }() {
                Some(byte) => bytes.push(byte),
                None => return token.into(),
            },
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| token.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_a_token_and_comes_back() {
        for name in ["pump 1", "a.b", "*", ">", "ä=1", "plain-1_2", "="] {
            let token = token(name);
            assert!(token.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_=".contains(&it)));
            assert_eq!(series(&token), name);
        }
        for other in ["=", "=4", "=zz", "=ff"] {
            assert_eq!(series(other), other);
        }
    }

    #[test]
    fn partitions_are_those_of_the_broker() {
        // What Go's hash/fnv says: New32a of "a" is e40c292c, of "foobar" bf9cf968.
        assert_eq!(partition("a", u32::MAX), 0xe40c_292c);
        assert_eq!(partition("foobar", 1000), 0xbf9c_f968 % 1000);
        let names = Names::new("pumps").unwrap();
        let of_a = 0xe40c_292c_u32 % 8;
        assert_eq!(names.subject_of_rows("a", 8), format!("aster.pumps.rows.{of_a}.a"));
        assert!(Names::new("a.b").is_err() && Names::new("").is_err());
    }
}
