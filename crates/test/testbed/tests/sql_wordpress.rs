//! WordPress (Debian, php-fpm, mysqli) is installed and lives on the proxy: what was changed is read back by the next request, which
//! is another connection; the replica is read from, and gets no write.

mod sql_wordpress_parts {
    pub mod site;
}

use sql_wordpress_parts::site::Site;
use testbed::mariadb::APP;
use testbed::{Folder, MariaDb, SqlProxy};

const PASSWORD: &str = "a password of this test";

/// Posts, each with a comment, that are read back at once.
const POSTS: usize = 12;

/// What a statement on a replica may begin with.
const READS: [&str; 7] = ["SELECT", "SHOW", "DESCRIBE", "EXPLAIN", "SET", "DO", "USE"];

#[test]
fn wordpress_lives_on_it() {
    let folder = Folder::new("sql-wordpress");
    let writer = MariaDb::primary(folder.path());
    let reader = MariaDb::replica_of(&writer);
    writer.set_general_log(true);
    reader.set_general_log(true);
    // PHP connects anew for each request: what one has written, the next one is to see.
    let causal =
        |config: String| config.replace("commands_stats=true", "commands_stats=true\n        causal_reads=\"user\"");
    let mut proxy = SqlProxy::prepare(folder.path(), &writer, &reader, causal);
    proxy.serve();
    let site = Site::start(folder.path(), proxy.port);
    install(&site);
    let nonce = log_in(&site);
    for number in 0..POSTS {
        if number == POSTS - 2 {
            // From now on the replica is behind whenever it is asked.
            reader.set_delay(2);
        }
        publish(&site, &nonce, number);
        rename(&site, &nonce, number);
    }
    reader.set_delay(0);
    reader.wait_caught_up(&writer);
    let (written, read) = (writer.statements_of(APP.0), reader.statements_of(APP.0));
    let wrong: Vec<&String> = read.iter().filter(|text| !begins_with_one_of(text, &READS)).collect();
    assert!(wrong.is_empty(), "the replica was asked to {wrong:?}");
    let selects = |texts: &[String]| texts.iter().filter(|text| begins_with_one_of(text, &["SELECT"])).count();
    let writes =
        written.iter().filter(|text| begins_with_one_of(text, &["INSERT", "UPDATE", "DELETE", "CREATE"])).count();
    println!("reads: replica {}, master {}; writes: master {writes}", selects(&read), selects(&written));
    assert!(selects(&read) > 500, "the replica answered only {} SELECTs", selects(&read));
    assert!(writes > 100, "the master got only {writes} writes");
    let posts = "SELECT COUNT(*) FROM nextcloud.wp_posts WHERE post_status='publish' AND post_title LIKE 'Post %'";
    assert_eq!((writer.value(posts), reader.value(posts)), (POSTS.to_string(), POSTS.to_string()));
}

fn begins_with_one_of(text: &str, words: &[&str]) -> bool {
    let word = text
        .trim_start_matches(|c: char| c.is_whitespace() || c == '(')
        .split(|c: char| !c.is_ascii_alphabetic())
        .next();
    word.is_some_and(|word| words.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

fn install(site: &Site) {
    let fields = [
        ("weblog_title", "Title -1"),
        ("user_name", "admin"),
        ("admin_password", PASSWORD),
        ("admin_password2", PASSWORD),
        ("pw_weak", "on"),
        ("admin_email", "admin@example.org"),
        ("blog_public", "0"),
    ];
    let page = site.post("/wp-admin/install.php?step=2", &fields, &[]);
    assert!(page.contains("Success!"), "{page}");
}

/// What further requests prove with that they mean it.
fn log_in(site: &Site) -> String {
    // Sets the cookie that it wants to see.
    site.get("/wp-login.php");
    let fields = [("log", "admin"), ("pwd", PASSWORD), ("wp-submit", "Log In"), ("testcookie", "1")];
    let page = site.post("/wp-login.php", &fields, &[]);
    assert!(page.contains("Dashboard"), "{page}");
    let nonce = site.get("/wp-admin/admin-ajax.php?action=rest-nonce");
    format!("X-WP-Nonce: {nonce}")
}

/// A post and a comment to it, each there when the next request looks.
fn publish(site: &Site, nonce: &str, number: usize) {
    let (title, text) = (format!("Post {number}"), format!("The text of number {number}."));
    let fields = [("title", &*title), ("content", &text), ("status", "publish")];
    let answer = site.post("/?rest_route=/wp/v2/posts", &fields, &[nonce]);
    let post: serde_json::Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
    let id = post["id"].to_string();
    let page = site.get(&format!("/?p={id}"));
    assert!(page.contains(&title) && page.contains(&text), "post {id} is not there yet: {page}");
    let comment = format!("Comment on number {number}");
    let fields = [("comment_post_ID", &*id), ("comment_parent", "0"), ("comment", &comment)];
    // It leads to the post.
    let page = site.post("/wp-comments-post.php", &fields, &[]);
    assert!(page.contains(&comment), "the comment on {id} is not there yet: {page}");
    assert!(site.get(&format!("/?rest_route=/wp/v2/comments&post={id}")).contains(&comment));
}

/// An option, which each request reads among the first.
fn rename(site: &Site, nonce: &str, number: usize) {
    let title = format!("Title {number}");
    site.post("/?rest_route=/wp/v2/settings", &[("title", &title)], &[nonce]);
    let index: serde_json::Value = serde_json::from_str(&site.get("/?rest_route=/")).expect("JSON");
    assert_eq!(index["name"], title.as_str(), "the title of the site is an old one");
}
