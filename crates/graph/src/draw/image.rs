//! SVG and PNG. Text in the PNG is drawn with a font that comes with the program, so that a machine without fonts
//! draws the same picture.

use std::collections::HashMap;

use layout::core::base::Orientation;
use layout::core::color::Color;
use layout::core::geometry::Point;
use layout::core::style::{LineStyleKind, StyleAttr};
use layout::std_shapes::shapes::{Arrow, Element, ShapeKind};
use layout::topo::layout::VisualGraph;
use resvg::tiny_skia::{self, Pixmap, Transform};
use resvg::usvg;

use super::canvas::{CHARACTER, Canvas, FONT, FONT_SIZE};
use super::{Picture, mermaid};
use crate::command::{END, START};
use crate::error::{Error, ErrorKind};

/// Pixels a unit of the SVG.
const SCALE: f32 = 2.0;
const LINE: u32 = 0x9370_dbff;
const NODE: u32 = 0xf2f0_ffff;
const FIRST: u32 = 0xffff_ffff;
const LAST: u32 = 0xbfb6_fcff;
/// Height of a node, in units.
const HEIGHT: f64 = 38.0;
const ROUND: usize = 8;

pub(super) fn svg(picture: &Picture) -> String {
    let mut graph = VisualGraph::new(Orientation::TopToBottom);
    let mut handles = HashMap::new();
    let mut boxes = Vec::new();
    let mut add = |path: String, label: &str, fill: u32, round: usize| {
        let look = StyleAttr::new(
            Color::new(LINE),
            1,
            Some(Color::new(fill)),
            round,
            FONT_SIZE,
        );
        let characters = u32::try_from(label.chars().count()).unwrap_or(u32::MAX);
        let size = Point::new(f64::from(characters) * CHARACTER + 30.0, HEIGHT);
        let shape = ShapeKind::new_box(label);
        let element = Element::create_with_properties(
            shape,
            look,
            Orientation::TopToBottom,
            size,
            path.clone(),
        );
        handles.insert(path, graph.add_node(element));
    };
    add(START.to_owned(), START, FIRST, 19);
    nodes(picture, "", &mut boxes, &mut |path, label| {
        add(path, label, NODE, ROUND);
    });
    add(END.to_owned(), END, LAST, 19);
    for edge in mermaid::edges(picture, "") {
        let (Some(from), Some(to)) = (handles.get(&edge.from), handles.get(&edge.to)) else {
            continue;
        };
        let mut arrow = Arrow::simple(edge.label.as_deref().unwrap_or_default());
        arrow.look.font_size = FONT_SIZE;
        if edge.conditional {
            arrow.line_style = LineStyleKind::Dashed;
        }
        graph.add_edge(arrow, *from, *to);
    }
    let mut canvas = Canvas::default();
    graph.do_it(false, false, false, &mut canvas);
    canvas.finish(&boxes)
}

/// Adds the nodes of a picture, and the boxes of those with graphs inside: path and label, outermost first.
fn nodes(
    picture: &Picture,
    prefix: &str,
    boxes: &mut Vec<(String, String)>,
    add: &mut impl FnMut(String, &str),
) {
    for node in &picture.nodes {
        let path = format!("{prefix}{}", node.name);
        match &node.inside {
            None => add(path, &node.name),
            Some(inside) => {
                let prefix = format!("{path}:");
                boxes.push((prefix.clone(), node.name.clone()));
                nodes(inside, &prefix, boxes, add);
            }
        }
    }
}

fn failed(cause: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Draw,
        format!("the graph cannot be drawn: {cause}"),
    )
}

pub(super) fn png(picture: &Picture) -> Result<Vec<u8>, Error> {
    let mut options = usvg::Options {
        font_family: FONT.to_owned(),
        ..usvg::Options::default()
    };
    let fonts = options.fontdb_mut();
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    fonts.set_sans_serif_family(FONT);
    let tree = usvg::Tree::from_str(&svg(picture), &options).map_err(failed)?;
    let size = tree.size().to_int_size().scale_by(SCALE);
    let size = size.ok_or_else(|| failed("it has no size"))?;
    let pixels = Pixmap::new(size.width(), size.height());
    let mut pixels = pixels.ok_or_else(|| failed("it is too large"))?;
    pixels.fill(tiny_skia::Color::WHITE);
    resvg::render(
        &tree,
        Transform::from_scale(SCALE, SCALE),
        &mut pixels.as_mut(),
    );
    pixels.encode_png().map_err(failed)
}
