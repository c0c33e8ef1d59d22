//! Short decimals, which most cells are, without the care that longer ones need.

/// Digits of a whole number that a double holds exactly, whichever they are.
const DIGITS: usize = 15;

/// The decimal that a text begins with and how many bytes it takes; nothing where it has no digits,
/// more than 15, or an exponent.
///
/// The result is the nearest double: both numbers of its one division are exact (Clinger, "How to
/// read floating point numbers accurately", PLDI 1990, section 4).
#[inline]
pub(crate) fn decimal(text: &[u8]) -> Option<(f64, usize)> {
    let sign = usize::from(text.first() == Some(&b'-'));
    let (whole, count) = digits(text.get(sign..)?);
    let mut at = sign + count;
    let (mut part, mut places) = (0, 0);
    if text.get(at) == Some(&b'.') {
        (part, places) = digits(&text[at + 1..]);
        at += 1 + places;
    }
    let exact = (1..=DIGITS).contains(&(count + places));
    if !exact || matches!(text.get(at), Some(b'e' | b'E')) {
        return None;
    }
    let power = POWERS[places];
    let value = (whole * power + part) as f64 / power as f64;
    Some((value * SIGNS[sign], at))
}

const SIGNS: [f64; 2] = [1.0, -1.0];
const POWERS: [u64; DIGITS + 1] = {
    let mut powers = [1; DIGITS + 1];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// The digits that a text begins with, of which it reads 16 at most, and how many they are.
#[inline]
fn digits(text: &[u8]) -> (u64, usize) {
    match word(text) {
        (number, 8) => {
            let (more, count) = word(&text[8..]);
            (number * POWERS[count] + more, 8 + count)
        }
        few => few,
    }
}

/// The digits among the first eight bytes, up to the first that is none, all at once: how many
/// there are is as good as random from cell to cell, and a loop over them would be as slow as its
/// mispredicted end (Lemire, "Number parsing at a gigabyte per second", 2021, section 7, has the
/// multiplications).
#[inline]
fn word(text: &[u8]) -> (u64, usize) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let bytes = text.first_chunk().copied().unwrap_or_else(|| {
        let mut bytes = [0; 8];
        bytes[..text.len()].copy_from_slice(text);
        bytes
    });
    let bytes = u64::from_le_bytes(bytes);
    let values = bytes ^ (ONES * u64::from(b'0'));
    // The high bit of each byte that is no digit: one above 9, or above 127.
    let others = (((values & (ONES * 0x7f)) + ONES * (0x7f - 9)) | values) & (ONES * 0x80);
    let count = others.trailing_zeros() as usize / 8;
    // Digits move to the end, with zeros before them.
    let values = values << (8 * (7 - count.min(7))) << (8 * usize::from(count < 8));
    let pairs = values * 10 + (values >> 8);
    let odd = (pairs & 0xff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let even = ((pairs >> 16) & 0xff_0000_00ff).wrapping_mul(0x2710_0000_0001);
    (odd.wrapping_add(even) >> 32, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_short_decimal_is_left_to_others() {
        for text in
            ["", "-", ".", "-.", "a", "1e5", "1.5E3", "1234567890123456", "0.0000000000000001"]
        {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
        for (text, value, length) in
            [("1,2", 1.0, 1), ("-0\n", -0.0, 2), ("1.5.6", 1.5, 3), (".5 ", 0.5, 2), ("7.", 7.0, 2)]
        {
            let (got, bytes) = decimal(text.as_bytes()).unwrap();
            assert_eq!((got.to_bits(), bytes), (f64::to_bits(value), length), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_short_decimal_is_what_std_makes_of_it(
            text in "-?[0-9]{1,9}(\\.[0-9]{0,6})?|-?[0-9]{0,2}\\.[0-9]{1,13}|[0-9]{1,15}"
        ) {
            let (value, length) = decimal(text.as_bytes()).unwrap();
            proptest::prop_assert_eq!(length, text.len());
            proptest::prop_assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits());
        }
    }
}
