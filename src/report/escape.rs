//! How text of others is rendered, per medium: the one place where [`Foreign`] is opened for people.
//!
//! Every function masks first, then takes out what could act (control characters, direction marks), masks again
//! (a control character inside a secret would have hidden it), and only then does what its medium needs.

use std::fmt::Write as _;

use rollback_deploy_core::model::Foreign;

use super::mask::Masker;

/// The most of one line that is shown, in characters.
pub const LONGEST_LINE: usize = 4_000;

/// The lines of a text, masked and without anything that acts on a terminal.
///
/// A lone carriage return ends a line: the runner reads it so, and a terminal would overwrite what stands there.
#[must_use]
pub fn lines(masker: &Masker, text: &Foreign) -> Vec<String> {
    let text = masker.mask(text.expose());
    // Of `\r\n` the split leaves an empty line in the middle; empty lines carry nothing in a log.
    text.split(['\n', '\r'])
        .map(|line| cut(&masker.mask(&quiet(line)), LONGEST_LINE))
        .filter(|line| !line.trim().is_empty())
        .collect()
}

/// A text as one line: line breaks become ` ⏎ `.
#[must_use]
pub fn one_line(masker: &Masker, text: &Foreign) -> String {
    cut(&lines(masker, text).join(" ⏎ "), LONGEST_LINE)
}

/// A line without control characters (but tabs), terminal escapes, and marks that change the direction of writing.
fn quiet(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            // A terminal sequence goes as a whole, else its letters would stay behind as noise.
            '\u{1b}' if rest.peek() == Some(&'[') => {
                rest.next();
                while rest.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)).is_some() {}
                rest.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
            }
            '\t' => out.push('\t'),
            c if c.is_control() => {}
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\u{61c}'
            | '\u{e0000}'..='\u{e007f}' => {}
            c => out.push(c),
        }
    }
    out
}

/// A text cut to so many characters, and a mark where it was cut.
#[must_use]
pub fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// A line for the log of Actions that the runner cannot take for a command: `##[` counts anywhere in a line, `::`
/// after white space at its start.
#[must_use]
pub fn actions_line(line: &str) -> String {
    let line = line.replace("##[", "##\\[");
    let start = line.trim_start();
    if start.starts_with("::") { format!("\\{start}") } else { line }
}

/// A text inside a sentence, a heading or a cell of a table in Markdown: nothing in it formats, links or mentions.
#[must_use]
pub fn markdown(masker: &Masker, text: &Foreign) -> String {
    markdown_line(&one_line(masker, text))
}

/// The same for a line that is masked already.
fn markdown_line(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 8);
    for c in line.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push(' '),
            // As entities these neither format nor mention nor become a link: GitHub's extensions look for the plain
            // characters. A backslash would do for the first ones only.
            '`' | '*' | '_' | '~' | '[' | ']' | '(' | ')' | '!' | '|' | '\\' | '#' | '@' | '$' | '{' | '}' | '+' => {
                let _infallible = write!(out, "&#{};", u32::from(c));
            }
            c => out.push(c),
        }
    }
    // `https://…` and `www.…` are linked without any mark; an empty comment between their parts prevents it. A mention
    // is looked for in the finished page, where entities are characters again: a space of no width ends it.
    out.replace("&#64;", "&#64;&#8203;")
        .replace("://", ":<!-- -->//")
        .replace("www.", "www<!-- -->.")
        .replace("WWW.", "WWW<!-- -->.")
}

/// A text as inline code in Markdown, also inside a table: fence longer than any run of backticks.
#[must_use]
pub fn markdown_code(masker: &Masker, text: &Foreign) -> String {
    let line = one_line(masker, text).replace('\t', " ");
    // HTML instead of backticks: a `|` inside backticks would end a cell of a table.
    format!("<code>{}</code>", markdown_line(&line))
}

/// A text as a block of code in Markdown; the fence is longer than any run of backticks inside.
#[must_use]
pub fn markdown_block(masker: &Masker, text: &Foreign) -> String {
    let body = lines(masker, text).join("\n");
    let longest = body.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{body}\n{fence}\n")
}

#[cfg(test)]
mod tests;
