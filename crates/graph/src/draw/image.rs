//! SVG and PNG of the Mermaid text. Text in the PNG is drawn with a font that comes with the program, so that a
//! machine without fonts draws the same picture.

use mermaid_rs_renderer::{RenderOptions, Theme, render_with_options};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg;

use super::{Picture, mermaid};
use crate::error::{Error, ErrorKind};

/// Pixels a unit of the SVG.
const SCALE: f32 = 2.0;
const FONT: &str = "Ubuntu";

fn failed(what: &str, cause: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Draw,
        format!("the graph cannot be drawn: {what}: {cause}"),
    )
}

pub(super) fn svg(picture: &Picture) -> Result<String, Error> {
    let mut theme = Theme::mermaid_default();
    theme.font_family = format!("{FONT}, sans-serif");
    let options = RenderOptions {
        theme,
        ..RenderOptions::default()
    };
    render_with_options(&mermaid::plain(picture), options).map_err(|error| failed("layout", error))
}

pub(super) fn png(picture: &Picture) -> Result<Vec<u8>, Error> {
    let mut options = usvg::Options {
        font_family: FONT.to_owned(),
        ..usvg::Options::default()
    };
    let fonts = options.fontdb_mut();
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    fonts.set_sans_serif_family(FONT);
    let tree =
        usvg::Tree::from_str(&svg(picture)?, &options).map_err(|error| failed("image", error))?;
    let size = tree
        .size()
        .to_int_size()
        .scale_by(SCALE)
        .ok_or_else(|| failed("image", "it has no size"))?;
    let mut pixels = Pixmap::new(size.width(), size.height())
        .ok_or_else(|| failed("image", "it is too large"))?;
    pixels.fill(Color::WHITE);
    resvg::render(
        &tree,
        Transform::from_scale(SCALE, SCALE),
        &mut pixels.as_mut(),
    );
    pixels
        .encode_png()
        .map_err(|error| failed("encoding", error))
}
