//! A figure as plotly.js draws it.

use plotly::common::{DashType, Line, Marker, Mode};
use plotly::layout::{Axis as PlotlyAxis, AxisType, BarMode};
use plotly::{Bar, Layout, Plot, Scatter, Trace};

use crate::figure::{Axis, Figure, Mark, Scale, Shape};

impl Figure {
    /// Returns data and layout, with neither colours of the page nor a title, which the page has.
    /// Shades are not drawn.
    pub(crate) fn for_web(&self) -> Plot {
        let mut plot = Plot::new();
        self.marks.iter().for_each(|mark| plot.add_trace(mark.for_web()));
        plot.set_layout(
            Layout::new()
                .x_axis(self.x.for_web())
                .y_axis(self.y.for_web())
                .bar_mode(BarMode::Overlay)
                .show_legend(self.marks.len() > 1),
        );
        plot
    }
}

impl Axis {
    fn for_web(&self) -> PlotlyAxis {
        let axis = PlotlyAxis::new().title(&*self.name);
        match self.scale {
            Scale::Linear => axis,
            Scale::Log => axis.type_(AxisType::Log),
            Scale::Time => axis.type_(AxisType::Date),
        }
    }
}

impl Mark {
    fn for_web(&self) -> Box<dyn Trace> {
        let (x, y) = (self.x.clone(), self.y.clone());
        let lines = |dash| {
            // Without the points, a single epoch would not be seen.
            let mode = if self.x.len() == 1 { Mode::Markers } else { Mode::Lines };
            let line = Line::new().color(self.colour.css(1.0)).width(1.5).dash(dash);
            Scatter::new(x.clone(), y.clone()).mode(mode).line(line).name(&self.name)
        };
        match self.shape {
            Shape::Line => lines(DashType::Solid),
            Shape::Dashes => lines(DashType::Dash),
            Shape::Points => {
                let marker = Marker::new().color(self.colour.css(0.5)).size(5);
                Scatter::new(x, y).mode(Mode::Markers).marker(marker).name(&self.name)
            }
            Shape::Bars(width) => {
                let marker = Marker::new().color(self.colour.css(0.6));
                Bar::new(x, y).width(width).marker(marker).name(&self.name)
            }
        }
    }
}
