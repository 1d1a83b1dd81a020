//! The words of `cookie`.

use crate::rules::words::millis;

/// What happens to the cookie on its way to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieMode {
    /// The server sets it, its value is replaced.
    Rewrite,
    /// It is set here, where the client has none for the server.
    Insert,
    /// The server sets it, its value gets the server's name and `~` in front.
    Prefix,
}

/// A backend's `cookie` line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cookie {
    pub name: String,
    /// None: it is only read.
    pub mode: Option<CookieMode>,
    /// Clients that have the right cookie get none again; with `insert` servers do not see it.
    pub indirect: bool,
    /// Answers that set it say `cache-control: private`.
    pub nocache: bool,
    /// Set on answers to POST only.
    pub postonly: bool,
    /// One that the server sets itself passes.
    pub preserve: bool,
    pub httponly: bool,
    pub secure: bool,
    pub domains: Vec<String>,
    /// Seconds without a visit after which it no longer counts; 0 is no limit.
    pub max_idle: u32,
    /// Seconds since it was first set after which it no longer counts; 0 is no limit.
    pub max_life: u32,
    /// Servers without a `cookie` of their own get one from address, port and `dynamic-cookie-key`.
    pub dynamic: bool,
    pub attributes: Vec<String>,
}

impl Cookie {
    /// Reads the words after `cookie`; warnings are added to `warnings`.
    pub fn parse(words: &[String], warnings: &mut Vec<String>) -> Result<Self, String> {
        let (name, args) = words.split_first().ok_or("'cookie' expects <cookie_name> as argument.")?;
        let mut cookie = Self { name: name.clone(), ..Self::default() };
        let mut args = args.iter().map(String::as_str);
        while let Some(word) = args.next() {
            match word {
                "rewrite" => cookie.set_mode(CookieMode::Rewrite)?,
                "insert" => cookie.set_mode(CookieMode::Insert)?,
                "prefix" => cookie.set_mode(CookieMode::Prefix)?,
                "indirect" => cookie.indirect = true,
                "nocache" => cookie.nocache = true,
                "postonly" => cookie.postonly = true,
                "preserve" => cookie.preserve = true,
                "httponly" => cookie.httponly = true,
                "secure" => cookie.secure = true,
                "dynamic" => cookie.dynamic = true,
                "domain" => {
                    let domain = args.next().ok_or("'domain' expects <domain> as argument.")?;
                    if !domain.get(1..).is_some_and(|rest| rest.contains('.')) && !domain.starts_with('.') {
                        warnings.push(format!(
                            "domain '{domain}' contains no embedded dot, this configuration may not work properly (see \
                             RFC6265#5.2.3)."
                        ));
                    }
                    cookie.domains.push(domain.into());
                }
                "maxidle" => cookie.max_idle = seconds(word, "idletime", args.next())?,
                "maxlife" => cookie.max_life = seconds(word, "lifetime", args.next())?,
                "attr" => cookie.attributes.push(attribute(args.next())?),
                _ => {
                    return Err("'cookie' supports 'rewrite', 'insert', 'prefix', 'indirect', 'nocache', 'postonly', \
                                'domain', 'maxidle', 'dynamic', 'maxlife' and 'attr' options."
                        .into());
                }
            }
        }
        if cookie.mode == Some(CookieMode::Rewrite) && cookie.indirect {
            return Err("cookie 'rewrite' and 'indirect' modes are incompatible.".into());
        }
        if cookie.preserve && cookie.mode != Some(CookieMode::Insert) && !cookie.indirect {
            return Err("cookie 'preserve' requires at least 'insert' or 'indirect'.".into());
        }
        Ok(cookie)
    }

    /// Whether it does anything: a name alone neither keeps clients to servers nor shows in logs.
    pub fn is_active(&self) -> bool {
        self.mode.is_some() || self.indirect
    }

    fn set_mode(&mut self, mode: CookieMode) -> Result<(), String> {
        if self.mode.is_some_and(|earlier| earlier != mode) {
            return Err("cookie 'rewrite', 'insert' and 'prefix' modes are incompatible.".into());
        }
        self.mode = Some(mode);
        Ok(())
    }
}

/// A time; a bare number counts seconds.
fn seconds(keyword: &str, name: &str, word: Option<&str>) -> Result<u32, String> {
    let word = word.ok_or_else(|| format!("'{keyword}' expects <{name}> in seconds as argument."))?;
    if let Ok(seconds) = word.parse() {
        return Ok(seconds);
    }
    let millis = millis(word).map_err(|error| format!("{error} in argument to <{keyword}>."))?;
    Ok(millis.div_ceil(1000) as u32)
}

fn attribute(word: Option<&str>) -> Result<String, String> {
    let word = word.ok_or("'attr' expects <value> as argument.")?;
    match word.chars().find(|letter| letter.is_control() || *letter == ';') {
        Some(letter) => Err(format!("character '%x{:02X}' is not permitted in attribute value.", u32::from(letter))),
        None => Ok(word.into()),
    }
}
