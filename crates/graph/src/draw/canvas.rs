//! What a layout draws on: it writes SVG.

use std::fmt::Write as _;

use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::Point;
use layout::core::style::StyleAttr;

pub(super) const FONT: &str = "Ubuntu";
pub(super) const FONT_SIZE: usize = 15;
/// Width of a character, in units.
pub(super) const CHARACTER: f64 = 9.0;

/// Space around the drawing, and around nodes in a box.
const MARGIN: f64 = 12.0;
/// Space for the label of a box.
const LABEL: f64 = 22.0;

const MARKER: &str = "<defs><marker id=\"tip\" markerWidth=\"9\" markerHeight=\"7\" refX=\"8\" refY=\"3.5\" \
                      orient=\"auto\"><polygon points=\"0 0, 9 3.5, 0 7\" fill=\"#333333\"/></marker></defs>\n";

/// A rectangle: left, top, right, bottom.
type Area = (f64, f64, f64, f64);

#[derive(Default)]
pub(super) struct Canvas {
    lines: String,
    shapes: String,
    texts: String,
    nodes: Vec<(String, Area)>,
    area: Option<Area>,
    /// Whether a node was drawn last: the text that follows is its own.
    in_node: bool,
}

fn join(a: Option<Area>, b: Area) -> Area {
    a.map_or(b, |a| {
        (a.0.min(b.0), a.1.min(b.1), a.2.max(b.2), a.3.max(b.3))
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

impl Canvas {
    fn grow(&mut self, x: f64, y: f64) {
        self.area = Some(join(self.area, (x, y, x, y)));
    }

    /// The SVG, with a box around the nodes below each of these paths.
    pub(super) fn finish(mut self, boxes: &[(String, String)]) -> String {
        let mut drawn = String::new();
        for (depth, (prefix, label)) in boxes.iter().enumerate() {
            let within = self
                .nodes
                .iter()
                .filter(|(path, _)| path.starts_with(prefix));
            let Some(area) = within.fold(None, |area, (_, node)| Some(join(area, *node))) else {
                continue;
            };
            let deeper = boxes[depth + 1..]
                .iter()
                .filter(|(path, _)| path.starts_with(prefix));
            let levels = f64::from(u32::try_from(deeper.count()).unwrap_or_default() + 1);
            let (x, y) = (area.0 - MARGIN * levels, area.1 - (MARGIN + LABEL) * levels);
            let (right, bottom) = (area.2 + MARGIN * levels, area.3 + MARGIN * levels);
            self.grow(x, y);
            self.grow(right, bottom);
            let _ = writeln!(
                drawn,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"6\" fill=\"#fbfbf2\" \
                 stroke=\"#aaaa77\"/>\n<text x=\"{:.1}\" y=\"{:.1}\" class=\"box\">{}</text>",
                right - x,
                bottom - y,
                x + MARGIN,
                y + MARGIN + 6.0,
                escaped(label)
            );
        }
        let (left, top, right, bottom) = self.area.unwrap_or_default();
        let (x, y) = (left - MARGIN, top - MARGIN);
        let (width, height) = (right - x + MARGIN, bottom - y + MARGIN);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"{x:.1} {y:.1} {width:.1} {height:.1}\" font-family=\"{FONT}, sans-serif\" \
             font-size=\"{FONT_SIZE}\" fill=\"#333333\">\n{MARKER}{drawn}{}{}{}</svg>\n",
            self.lines, self.shapes, self.texts
        )
    }
}

impl RenderBackend for Canvas {
    fn draw_rect(
        &mut self,
        xy: Point,
        size: Point,
        look: &StyleAttr,
        properties: Option<String>,
        _clip: Option<ClipHandle>,
    ) {
        let area = (xy.x, xy.y, xy.x + size.x, xy.y + size.y);
        self.grow(area.0, area.1);
        self.grow(area.2, area.3);
        self.in_node = true;
        self.nodes.extend(properties.map(|path| (path, area)));
        let fill = look
            .fill_color
            .map_or_else(|| "none".to_owned(), |fill| fill.to_web_color());
        let _ = writeln!(
            self.shapes,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{}\" fill=\"{fill}\" \
             stroke=\"{}\"/>",
            xy.x,
            xy.y,
            size.x,
            size.y,
            look.rounded,
            look.line_color.to_web_color()
        );
    }

    fn draw_line(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn draw_circle(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn draw_text(&mut self, xy: Point, text: &str, _look: &StyleAttr) {
        let characters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let half = f64::from(characters) * CHARACTER / 2.0;
        self.grow(xy.x - half, xy.y);
        self.grow(xy.x + half, xy.y);
        // White around the letters keeps a label readable on its edge.
        let halo = if std::mem::take(&mut self.in_node) {
            ""
        } else {
            " stroke=\"#ffffff\" stroke-width=\"4\" paint-order=\"stroke\""
        };
        let _ = writeln!(
            self.texts,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\"{halo}>{}</text>",
            xy.x,
            xy.y + 5.0,
            escaped(text)
        );
    }

    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        dashed: bool,
        head: (bool, bool),
        _look: &StyleAttr,
        _properties: Option<String>,
        text: &str,
    ) {
        // The first pair leaves its point towards the other; each further pair is a control point and its point.
        let [(start, leave), rest @ ..] = path else {
            return;
        };
        let mut curve = format!(
            "M {:.1} {:.1} C {:.1} {:.1},",
            start.x, start.y, leave.x, leave.y
        );
        for (at, (control, to)) in rest.iter().enumerate() {
            let again = if at > 0 { " S" } else { "" };
            let _ = write!(
                curve,
                "{again} {:.1} {:.1}, {:.1} {:.1}",
                control.x, control.y, to.x, to.y
            );
            self.grow(to.x, to.y);
        }
        let dash = if dashed {
            " stroke-dasharray=\"5,4\""
        } else {
            ""
        };
        let start = if head.0 {
            " marker-start=\"url(#tip)\""
        } else {
            ""
        };
        let end = if head.1 {
            " marker-end=\"url(#tip)\""
        } else {
            ""
        };
        let _ = writeln!(
            self.lines,
            "<path d=\"{curve}\" fill=\"none\" stroke=\"#333333\" stroke-width=\"1.2\"{dash}{start}{end}/>"
        );
        if let (false, Some((_, middle))) = (text.is_empty(), path.get(path.len() / 2)) {
            self.draw_text(*middle, text, &StyleAttr::simple());
        }
    }

    fn create_clip(&mut self, _: Point, _: Point, _: usize) -> ClipHandle {
        0
    }
}
