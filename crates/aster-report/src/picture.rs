//! A figure as a picture, with a font that comes along.

use std::path::Path;
use std::sync::Once;

use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::along::Along;
use crate::error::{ReportError, write};
use crate::figure::{Axis, Figure, Mark, Scale, Shape};
use crate::plot::Plot;
use crate::report::Report;

/// Width and height in pixels.
const SIZE: (u32, u32) = (1200, 500);

type Drawn = Result<(), Box<dyn std::error::Error + Send + Sync>>;

impl Report<'_> {
    /// Writes a plot as SVG.
    ///
    /// # Errors
    /// A plot of what the report does not have, a file that cannot be written.
    pub fn svg(&self, plot: Plot, path: impl AsRef<Path>) -> Result<(), ReportError> {
        let path = path.as_ref();
        let figure = self.figure(plot)?;
        let mut text = String::new();
        let drawn = figure.draw(SVGBackend::with_string(&mut text, SIZE));
        drawn.map_err(|reason| ReportError::drawing(path, &reason))?;
        write(path, text)
    }

    /// Writes a plot as PNG, of 1200 x 500 pixels.
    ///
    /// # Errors
    /// As [`Report::svg`].
    pub fn png(&self, plot: Plot, path: impl AsRef<Path>) -> Result<(), ReportError> {
        let path = path.as_ref();
        let figure = self.figure(plot)?;
        let drawn = figure.draw(BitMapBackend::new(path, SIZE));
        drawn.map_err(|reason| ReportError::drawing(path, &reason))
    }
}

fn with_font() {
    static REGISTERED: Once = Once::new();
    // A font that could not be read would show as text missing; it is a constant.
    REGISTERED.call_once(|| {
        let _ = register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    });
}

impl Figure {
    fn draw<B: DrawingBackend>(&self, backend: B) -> Drawn
    where
        B::ErrorType: 'static,
    {
        let x = bounds(&self.x, self.marks.iter().flat_map(|mark| &mark.x));
        let y = bounds(&self.y, self.marks.iter().flat_map(|mark| &mark.y));
        match self.y.scale {
            Scale::Log => self.draw_in(backend, x, (y.start..y.end).log_scale(), y.start..y.end),
            _ => self.draw_in(backend, x, y.start..y.end, y),
        }
    }

    fn draw_in<B, Y>(
        &self,
        backend: B,
        x: std::ops::Range<f64>,
        y_axis: Y,
        y: std::ops::Range<f64>,
    ) -> Drawn
    where
        B: DrawingBackend,
        B::ErrorType: 'static,
        Y: AsRangedCoord<Value = f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        with_font();
        let root = backend.into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(&self.title, ("sans-serif", 22))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(70)
            .build_cartesian_2d::<_, Y>(Along::new(&self.x, x), y_axis)?;
        let x_text = |value: &f64| self.x.text(*value);
        chart
            .configure_mesh()
            .x_desc(&*self.x.name)
            .y_desc(&*self.y.name)
            .x_label_formatter(&x_text)
            .x_labels(if self.x.scale == Scale::Time { 8 } else { 11 })
            .light_line_style(BLACK.mix(0.04))
            .bold_line_style(BLACK.mix(0.1))
            .draw()?;
        for shade in &self.shades {
            let [r, g, b] = shade.colour.rgb();
            let style = RGBColor(r, g, b).mix(0.25).filled();
            let boxed = |s: &std::ops::Range<f64>| {
                Rectangle::new([(s.start, y.start), (s.end, y.end)], style)
            };
            chart
                .draw_series(shade.stretches.iter().map(boxed))?
                .label(shade.name)
                .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 16, y + 5)], style));
        }
        for mark in &self.marks {
            mark.draw(&mut chart, y.start, self.y.scale == Scale::Log)?;
        }
        if self.marks.len() + self.shades.len() > 1 {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperRight)
                .background_style(WHITE.mix(0.8))
                .border_style(BLACK.mix(0.2))
                .draw()?;
        }
        root.present()?;
        Ok(())
    }
}

type Chart<'a, B, Y> = ChartContext<'a, B, Cartesian2d<Along, Y>>;

impl Mark {
    fn draw<B, Y>(&self, chart: &mut Chart<'_, B, Y>, bottom: f64, log: bool) -> Drawn
    where
        B: DrawingBackend,
        B::ErrorType: 'static,
        Y: Ranged<ValueType = f64>,
    {
        let [r, g, b] = self.colour.rgb();
        let colour = RGBColor(r, g, b);
        let places = |(_, y): &(f64, f64)| y.is_finite() && (!log || *y > 0.0);
        let points = || self.x.iter().copied().zip(self.y.iter().copied()).filter(places);
        let sample = move |(x, y): (i32, i32)| PathElement::new([(x, y), (x + 16, y)], colour);
        match self.shape {
            Shape::Line => {
                chart
                    .draw_series(LineSeries::new(points(), colour))?
                    .label(&self.name)
                    .legend(sample);
            }
            Shape::Dashes => {
                let dashes = DashedLineSeries::new(points(), 6, 4, colour.into());
                chart.draw_series(dashes)?.label(&self.name).legend(sample);
            }
            Shape::Points => {
                let dot = |point| Circle::new(point, 2, colour.mix(0.5).filled());
                let legend = move |(x, y)| Circle::new((x + 8, y), 3, colour.filled());
                chart.draw_series(points().map(dot))?.label(&self.name).legend(legend);
            }
            Shape::Bars(width) => {
                let style = colour.mix(0.6).filled();
                let half = width / 2.0;
                let bar = |(x, y)| Rectangle::new([(x - half, bottom), (x + half, y)], style);
                let legend = move |(x, y)| Rectangle::new([(x, y - 5), (x + 16, y + 5)], style);
                chart.draw_series(points().map(bar))?.label(&self.name).legend(legend);
            }
        }
        Ok(())
    }
}

impl Axis {
    pub(crate) fn text(&self, value: f64) -> String {
        match self.scale {
            Scale::Time => chrono::DateTime::from_timestamp_millis(value.round() as i64)
                .map_or_else(String::new, |time| time.format("%Y-%m-%d %H:%M:%S%.f").to_string()),
            _ => format!("{value}"),
        }
    }
}

/// From the least to the largest value, with room where there would be none.
fn bounds<'a>(axis: &Axis, values: impl Iterator<Item = &'a f64>) -> std::ops::Range<f64> {
    let drawn = values.copied().filter(|value| value.is_finite());
    let drawn = drawn.filter(|value| axis.scale != Scale::Log || *value > 0.0);
    let (low, high) = drawn.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    match (axis.scale, low < high) {
        (Scale::Log, true) => low / 1.2..high * 1.2,
        (Scale::Log, false) if low.is_finite() => low / 2.0..low * 2.0,
        (Scale::Log, false) => 0.1..1.0,
        (Scale::Time, true) => low..high,
        (_, true) => low - 0.03 * (high - low)..high + 0.03 * (high - low),
        (_, false) if low.is_finite() => low - 0.5..low + 0.5,
        (_, false) => 0.0..1.0,
    }
}
