//! What a person should know, on standard error: time, level, words.

fn line(level: &str, text: &str) {
    let now = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
    eprintln!("{now} [{level}] {text}");
}

pub fn info(text: &str) {
    line("INFO", text);
}

pub fn warn(text: &str) {
    line("WARNING", text);
}

pub fn error(text: &str) {
    line("ERROR", text);
}
