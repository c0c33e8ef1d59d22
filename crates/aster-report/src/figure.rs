//! A plot as data, for whoever draws it.

use std::borrow::Cow;
use std::ops::Range;

/// A plot with its axes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) marks: Vec<Mark>,
    /// Stretches along x that are shaded behind the marks, and what they are.
    pub(crate) shades: Vec<Shade>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    pub(crate) name: Cow<'static, str>,
    pub(crate) scale: Scale,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    Log,
    /// Milliseconds since the Unix epoch.
    Time,
}

/// One line, cloud or row of bars.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mark {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) colour: Colour,
    pub(crate) x: Vec<f64>,
    pub(crate) y: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    Line,
    Dashes,
    Points,
    /// Around each x, of this width.
    Bars(f64),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shade {
    pub(crate) name: &'static str,
    pub(crate) colour: Colour,
    pub(crate) stretches: Vec<Range<f64>>,
}

/// Told apart with the common kinds of colour blindness, and on white as on black (Okabe & Ito,
/// 2008).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Blue,
    Orange,
    Green,
    Vermilion,
    Purple,
    Grey,
}

impl Colour {
    /// Red, green and blue.
    pub(crate) fn rgb(self) -> [u8; 3] {
        match self {
            Self::Blue => [0x2f, 0x81, 0xc2],
            Self::Orange => [0xe6, 0x9f, 0x00],
            Self::Green => [0x00, 0x9e, 0x73],
            Self::Vermilion => [0xd5, 0x5e, 0x00],
            Self::Purple => [0xcc, 0x79, 0xa7],
            Self::Grey => [0x88, 0x88, 0x88],
        }
    }

    pub(crate) fn css(self, opacity: f64) -> String {
        let [r, g, b] = self.rgb();
        format!("rgba({r},{g},{b},{opacity})")
    }
}

impl Axis {
    pub(crate) fn linear(name: &'static str) -> Self {
        Self { name: name.into(), scale: Scale::Linear }
    }

    pub(crate) fn log(name: &'static str) -> Self {
        Self { name: name.into(), scale: Scale::Log }
    }
}
