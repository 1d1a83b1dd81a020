//! nginx, php-fpm and WordPress on a port of 127.0.0.1, with the database at another.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use testbed::mariadb::{APP, free_port};
use testbed::run::{Output, run};
use testbed::{tools, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);

/// Killed when dropped.
pub struct Site {
    folder: PathBuf,
    port: u16,
    processes: Vec<Child>,
}

impl Site {
    /// In `dir/site`; waits until nginx and php-fpm answer.
    pub fn start(dir: &Path, database: u16) -> Self {
        let folder = dir.join("site");
        std::fs::create_dir_all(&folder).expect("a folder for the site");
        let mut site = Self { folder, port: free_port(), processes: Vec::new() };
        run(Command::new("cp").arg("-a").arg("--reflink=auto").arg(tools::wordpress()).arg(site.root())).expect_ok();
        site.write("root/wp-config.php", &config(database, site.port));
        site.write("fpm.conf", &fpm(&site.folder));
        site.write("nginx.conf", &nginx(&site.folder, site.port));
        let fpm = php_fpm();
        let (fpm_conf, nginx_conf) = (site.folder.join("fpm.conf"), site.folder.join("nginx.conf"));
        site.run(Command::new("setpriv").args(["--pdeathsig", "KILL"]).arg(fpm).arg("-F").arg("-y").arg(fpm_conf));
        site.run(Command::new("setpriv").args(["--pdeathsig", "KILL", "/usr/sbin/nginx", "-c"]).arg(nginx_conf));
        wait_for("the installer", PATIENCE, || {
            let page = site.curl(&["--fail"], "/wp-admin/install.php");
            if page.ok && page.stdout.contains("WordPress") { Ok(()) } else { Err(format!("{page}\n{}", site.log())) }
        });
        site
    }

    fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.join(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    fn run(&mut self, command: &mut Command) {
        let log = File::options().append(true).create(true).open(self.folder.join("log")).expect("a log file");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log file")).stderr(log);
        self.processes.push(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")));
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn curl(&self, arguments: &[&str], path: &str) -> Output {
        let cookies = self.folder.join("cookies");
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "*"]).arg("--cookie").arg(&cookies);
        curl.arg("--cookie-jar").arg(&cookies).args(arguments).arg(format!("http://127.0.0.1:{}{path}", self.port));
        run(&mut curl)
    }

    /// A page, which has to be there.
    #[track_caller]
    pub fn get(&self, path: &str) -> String {
        let page = self.curl(&["--fail-with-body", "--location"], path);
        assert!(page.ok, "{path}: {page}\n{}", self.log());
        page.stdout
    }

    /// A form is sent; what comes for it, or for where it leads to.
    #[track_caller]
    pub fn post(&self, path: &str, fields: &[(&str, &str)], headers: &[&str]) -> String {
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut arguments = vec!["--fail-with-body", "--location"];
        fields.iter().for_each(|field| arguments.extend(["--data-urlencode", field]));
        headers.iter().for_each(|header| arguments.extend(["--header", header]));
        let page = self.curl(&arguments, path);
        assert!(page.ok, "{path}: {page}\n{}", self.log());
        page.stdout
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the site's log: {}", self.log());
        }
        for process in &mut self.processes {
            // SIGTERM, so that the children go too.
            _ = run(Command::new("kill").args(["-TERM", &process.id().to_string()]));
            _ = process.wait();
        }
    }
}

/// Debian names it by its version.
fn php_fpm() -> PathBuf {
    let files = std::fs::read_dir("/usr/sbin").expect("/usr/sbin").flatten().map(|entry| entry.path());
    let mut found =
        files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("php-fpm")));
    found.next().expect("php-fpm is not installed: `cargo xtask test` does it")
}

fn config(database: u16, port: u16) -> String {
    let (user, password) = APP;
    format!(
        r"<?php
define('DB_NAME', 'nextcloud');
define('DB_USER', '{user}');
define('DB_PASSWORD', '{password}');
define('DB_HOST', '127.0.0.1:{database}');
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
define('WP_HOME', 'http://127.0.0.1:{port}');
define('WP_SITEURL', 'http://127.0.0.1:{port}');
foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $name) {{
    define($name . '_KEY', 'key of a test: ' . $name);
    define($name . '_SALT', 'salt of a test: ' . $name);
}}
// Nothing outside of this machine is asked.
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('DISABLE_WP_CRON', true);
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
"
    )
}

fn fpm(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "[global]\nerror_log={folder}/fpm.log\npid={folder}/fpm.pid\n[www]\nuser=www-data\ngroup=www-data\nlisten={folder}/fpm\n\
         listen.mode=0666\npm=static\npm.max_children=4\ncatch_workers_output=yes\n\
         php_admin_value[sendmail_path]=/bin/true\nphp_admin_value[memory_limit]=256M\n"
    )
}

fn nginx(folder: &Path, port: u16) -> String {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {}/{what};\n", folder.display()))
        .concat();
    let folder = folder.display();
    format!(
        r"
user www-data;
daemon off;
worker_processes 1;
error_log {folder}/nginx.log;
pid {folder}/nginx.pid;
events {{}}
http {{
  access_log off;
  {temporary}
  include /etc/nginx/mime.types;
  server {{
    listen 127.0.0.1:{port};
    root {folder}/root;
    index index.php;
    location / {{ try_files $uri $uri/ /index.php?$args; }}
    location ~ \.php$ {{
      include /etc/nginx/fastcgi_params;
      fastcgi_param HTTP_HOST $http_host;
      fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
      fastcgi_pass unix:{folder}/fpm;
      fastcgi_read_timeout 60;
    }}
  }}
}}
"
    )
}
