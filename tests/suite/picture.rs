//! Draws what a terminal shows, as SVG.

use anstyle::{Color, RgbColor};
use anstyle_svg::{Palette, Term};

const fn rgb(hex: u32) -> RgbColor {
    RgbColor((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

/// On this ground a picture stands out from a white page and from a black one.
const GROUND: RgbColor = rgb(0x0D1117);
const TEXT: RgbColor = rgb(0xD1D9E0);

/// From black to white, then the same brighter. Old terminals' own are too dark to be read on black.
const COLOURS: [u32; 8] = [0x484F58, 0xFF7B72, 0x56D364, 0xE3B341, 0x79C0FF, 0xD2A8FF, 0x56D4DD, 0xD1D9E0];

pub fn svg(printed: &str) -> String {
    let mut palette = [TEXT; 16];
    for (index, colour) in palette.iter_mut().enumerate() {
        *colour = rgb(COLOURS[index % COLOURS.len()]);
    }
    let term = Term::new().palette(Palette(palette)).fg_color(Color::Rgb(TEXT)).bg_color(Color::Rgb(GROUND));
    // What is dimmed is still to be read.
    term.render_svg(printed).replace("opacity: 0.4;", "opacity: 0.7;")
}
