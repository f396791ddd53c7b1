//! A QR code for the terminal, so that a phone or another computer's camera can take a ticket.
//!
//! Two modules stand in one character, one above the other. What is light in the code is drawn and what is dark is
//! left empty, so it looks right where letters are lighter than what is behind them, as in most terminals.
//!
//! Invariant: nothing is wider than [`WIDTH_MAX`], and all four sides have their quiet zone.

use qrcode::{Color, EcLevel, QrCode};

/// The width of a terminal that everybody has, in characters.
const WIDTH_MAX: usize = 80;

/// Light modules on each side, as the standard wants them.
const QUIET: usize = 4;

/// The text in capitals as a QR code, in lines; `None` if a terminal is too narrow for it. Capitals and digits take
/// little room, so this is for texts in which case means nothing, as in tickets.
pub(crate) fn qr(text: &str) -> Option<String> {
    // A screen has no scratches: the lowest level of correction makes the smallest code.
    let code = QrCode::with_error_correction_level(text.to_ascii_uppercase(), EcLevel::L).ok()?;
    let side = code.width() + 2 * QUIET;
    if side > WIDTH_MAX {
        return None;
    }
    let mut lines = String::new();
    for y in (0..side).step_by(2) {
        lines.extend((0..side).map(|x| match (is_light(&code, x, y), is_light(&code, x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        }));
        lines.push('\n');
    }
    Some(lines)
}

/// Whether the module is light, counted with the quiet zone; below that there is nothing.
fn is_light(code: &QrCode, x: usize, y: usize) -> bool {
    let within = |at: usize| at.checked_sub(QUIET).filter(|at| *at < code.width());
    match (within(x), within(y)) {
        (Some(x), Some(y)) => code[(x, y)] == Color::Light,
        _ => y < code.width() + 2 * QUIET,
    }
}

#[cfg(test)]
mod tests {
    use rqrr::PreparedImage;

    use super::*;

    /// What a camera makes of it: each half of a character is a square of 3 dots.
    fn seen(shown: &str) -> String {
        let lines: Vec<Vec<char>> = shown.lines().map(|line| line.chars().collect()).collect();
        let is_dark = |x: usize, y: usize| {
            let is_lower = y % 2 == 1;
            match lines[y / 2][x] {
                '█' => false,
                '▀' => is_lower,
                '▄' => !is_lower,
                _ => true,
            }
        };
        let (width, height) = (lines[0].len(), lines.len() * 2);
        let mut image =
            PreparedImage::prepare_from_bitmap(width * 3, height * 3, |x, y| is_dark(x / 3, y / 3));
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }

    #[test]
    fn a_camera_reads_the_text_in_capitals() {
        for length in [1, 20, 100, 366, 600] {
            let text: String = "segue1abc234xyz".chars().cycle().take(length).collect();
            let shown = qr(&text).unwrap();
            assert_eq!(seen(&shown), text.to_ascii_uppercase());
            assert!(shown.lines().all(|line| line.chars().count() <= WIDTH_MAX));
        }
    }

    #[test]
    fn what_a_terminal_is_too_narrow_for_is_not_shown() {
        assert_eq!(qr(&"a".repeat(619)).map(|shown| shown.lines().count()), Some(39));
        assert_eq!(qr(&"a".repeat(620)), None);
        assert_eq!(qr(&"a".repeat(10_000)), None);
    }

    #[test]
    fn it_looks_so() {
        insta::assert_snapshot!(qr("segue1").unwrap(), @r"
        █████████████████████████████
        █████████████████████████████
        ████ ▄▄▄▄▄ █ ▄ ▄ █ ▄▄▄▄▄ ████
        ████ █   █ █ ▀▀▀██ █   █ ████
        ████ █▄▄▄█ █▀▀█▀▄█ █▄▄▄█ ████
        ████▄▄▄▄▄▄▄█▄▀ ▀ █▄▄▄▄▄▄▄████
        ████▄▄█▀▄▄▄▀█ █ ▀██ █   ▄████
        █████▄▄▄ ▄▄▀▄▄ ▄█▀ ▄ █▀▀ ████
        ████▄▄██▄█▄▄ ▀▀█   ██ ▄▀▀████
        ████ ▄▄▄▄▄ █▀  ▀ ▄█▀█ ▀ ▀████
        ████ █   █ █▄█▀ ▀█▄▄▄ ▄  ████
        ████ █▄▄▄█ █▀█▀▄█▀   █▀█▀████
        ████▄▄▄▄▄▄▄█▄█▄█▄▄▄███▄▄▄████
        █████████████████████████████
        ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
        ");
    }
}
