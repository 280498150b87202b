//! Colours and type. The few colours here are also what the page's style sheet recolours for dark
//! screens, by matching them in the SVG.

use plotters::style::RGBColor;

use crate::figure::Color;

/// Behind everything.
pub const SURFACE: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
/// Text and axes.
pub const INK: RGBColor = RGBColor(0x1B, 0x1F, 0x24);
/// Grid lines.
pub const GRID: RGBColor = RGBColor(0xE3, 0xE6, 0xEA);

/// Okabe & Ito's palette for the colour-blind, darkest contrasts first; yellow, unreadable on
/// white, is left out.
const PALETTE: [RGBColor; 7] = [
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x77, 0x77, 0x77),
];

/// The colour of a line; line styles tell lines apart beyond the palette.
pub fn color(color: Color) -> RGBColor {
    match color {
        Color::Palette(index) => PALETTE[index % PALETTE.len()],
        // The scale's bright end cannot be read on white.
        Color::Scale(share) => viridis(0.92 * share),
    }
}

/// Stops of viridis (Smith & van der Walt, CC0): even in lightness, so it reads in grey and for the
/// colour-blind.
const VIRIDIS: [[f64; 3]; 9] = [
    [68.0, 1.0, 84.0],
    [71.0, 45.0, 123.0],
    [59.0, 82.0, 139.0],
    [44.0, 114.0, 142.0],
    [33.0, 144.0, 140.0],
    [39.0, 173.0, 129.0],
    [93.0, 200.0, 99.0],
    [170.0, 220.0, 50.0],
    [253.0, 231.0, 37.0],
];

/// The colour of a share from 0 to 1.
pub fn viridis(share: f64) -> RGBColor {
    let position = share.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let lower = (position as usize).min(VIRIDIS.len() - 2);
    let mix = position - lower as f64;
    let channel = |c: usize| {
        let value = VIRIDIS[lower][c] * (1.0 - mix) + VIRIDIS[lower + 1][c] * mix;
        value.round() as u8
    };
    RGBColor(channel(0), channel(1), channel(2))
}

/// The font's name and file: a subset of DejaVu Sans, so that figures look the same everywhere.
pub const FONT: &str = "sans-serif";
/// The font's file.
pub const FONT_FILE: &[u8] = include_bytes!("../assets/figures.ttf");
