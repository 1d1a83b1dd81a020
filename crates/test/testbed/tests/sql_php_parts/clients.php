<?php
// What PHP's two clients do at a MySQL port, as a line of JSON: each step and what it gave.
// Standard input: {"port": 3306, "file": "rows.csv"}. Nothing in it may depend on which server answers.
mysqli_report(MYSQLI_REPORT_OFF);
$task = json_decode(stream_get_contents(STDIN), true);
$said = [];
function say($what, $value) { global $said; $said[] = [$what, $value]; }
function open($host) {
    global $task;
    $link = mysqli_init();
    $link->options(MYSQLI_OPT_LOCAL_INFILE, 1);
    $link->real_connect($host, 'nextcloud', 'nextcloudpwd', 'test', $task['port']) or exit("no connection: $link->connect_error");
    return $link;
}
function ask($link, $sql) {
    $result = $link->query($sql);
    if ($result === false) return "E$link->errno $link->sqlstate $link->error";
    return $result === true ? "ok $link->affected_rows $link->insert_id" : $result->fetch_all();
}

$link = open('127.0.0.1');
foreach ([
    'DROP TABLE IF EXISTS php, loaded',
    'CREATE TABLE php (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50), b LONGBLOB, d DECIMAL(10,3), t DATETIME(3), UNIQUE (v))',
    'CREATE TABLE loaded (id INT, v VARCHAR(100))',
    "INSERT INTO php (v, d, t) VALUES ('a', 1.5, '2026-11-28 20:00:00.123'), ('ä€😀', -2, NULL)",
    'SELECT LAST_INSERT_ID()', 'SELECT * FROM php', "INSERT INTO php (v) VALUES ('a')", 'SELECT nothing', 'SELEC',
    'CREATE TEMPORARY TABLE tmp (a INT)', 'INSERT INTO tmp VALUES (1), (2)', 'SELECT COUNT(*) FROM tmp, php', 'DROP TEMPORARY TABLE tmp',
    "SET @x = 'kept'", 'SELECT @x', "SET SESSION sql_mode = 'ANSI'", "SELECT 'a' || 'b'", "SET @@sql_mode = ''", "SELECT 'a' || 'b'",
    'UPDATE php SET d = d + 1', "DELETE FROM php WHERE v = 'none'", 'REPLACE INTO php (id, v) VALUES (1, \'again\')',
    "LOAD DATA LOCAL INFILE '{$task['file']}' INTO TABLE loaded", 'SELECT * FROM loaded ORDER BY id',
    'SHOW COUNT(*) WARNINGS', "INSERT INTO loaded VALUES ('x', 1)", 'INSERT IGNORE INTO loaded VALUES (\'x\', 1)', 'SHOW WARNINGS',
] as $sql) say($sql, ask($link, $sql));

// Transactions.
$link->begin_transaction();
ask($link, "INSERT INTO php (v) VALUES ('gone')");
say('inside', ask($link, "SELECT COUNT(*) FROM php WHERE v = 'gone'"));
$link->rollback();
say('rolled back', ask($link, "SELECT COUNT(*) FROM php WHERE v = 'gone'"));
$link->autocommit(false);
ask($link, "INSERT INTO php (v) VALUES ('stays')");
$link->savepoint('s');
ask($link, 'DELETE FROM php');
ask($link, 'ROLLBACK TO s');
$link->commit();
$link->autocommit(true);
say('committed', ask($link, "SELECT COUNT(*) FROM php WHERE v = 'stays'"));

// Several statements in one, and what stops them.
$link->multi_query("SELECT 1; INSERT INTO php (v) VALUES ('multi'); SELECT v FROM php WHERE v = 'multi'; SELECT nothing; SELECT 2");
do {
    $result = $link->store_result();
    say('multi', $result ? $result->fetch_all() : "$link->affected_rows");
} while ($link->more_results() && $link->next_result());
say('multi ends', "E$link->errno");

// Prepared by the protocol: types, a row at a time, again after ALTER.
$statement = $link->prepare('SELECT id, v, d, t, ? FROM php WHERE id >= ? ORDER BY id');
foreach ([1, 2, 1000] as $least) {
    $statement->execute(['ü', $least]);
    say("prepared $least", $statement->get_result()->fetch_all());
}
ask($link, 'ALTER TABLE php ADD COLUMN more INT DEFAULT 7');
$statement->execute(['ü', 1]);
say('after ALTER', $statement->get_result()->fetch_all());
$statement->close();
$statement = $link->prepare('INSERT INTO php (v, b) VALUES (?, ?)');
$name = 'long';
$null = null;
$statement->bind_param('sb', $name, $null);
foreach (range(1, 4) as $_) $statement->send_long_data(1, str_repeat("\0'\\\n", 50000));
$statement->execute();
say('long data', ask($link, "SELECT LENGTH(b), MD5(b) FROM php WHERE v = 'long'"));

// Packets of more than 16 MB in both directions.
$big = str_repeat('0123456789abcdef', 17 << 16);
say('17 MB there', ask($link, "SELECT MD5('$big'), LENGTH('$big')"));
say('17 MB back', md5(ask($link, "SELECT REPEAT('0123456789abcdef', " . (17 << 16) . ')')[0][0]) === md5($big));
// A result that is not stored, and one that is left in the middle.
$result = $link->query('SELECT seq, REPEAT(seq, 20) FROM seq_1_to_20000', MYSQLI_USE_RESULT);
$sum = 0;
while ($row = $result->fetch_row()) $sum += crc32($row[1]);
say('unbuffered', $sum);
$result->free();
say('ping', $link->ping());
say('charset', [$link->set_charset('latin1'), ask($link, 'SELECT @@character_set_client, LENGTH(v) FROM php WHERE id = 2')]);
say('reset', [$link->change_user('nextcloud', 'nextcloudpwd', 'test'), ask($link, 'SELECT @x, DATABASE(), @@character_set_client')]);
ask($link, 'CREATE OR REPLACE PROCEDURE both_ways(IN a INT, OUT b INT) BEGIN SET b = a + 1; SELECT a; SELECT b; END');
$link->multi_query('CALL both_ways(4, @out)');
do { if ($result = $link->store_result()) say('CALL', $result->fetch_all()); } while ($link->more_results() && $link->next_result());
say('out', ask($link, 'SELECT @out'));

// Persistent connections: the next user of one finds nothing of the last.
$first = open('p:127.0.0.1');
ask($first, 'SET @left = 1');
ask($first, 'BEGIN');
ask($first, "INSERT INTO php (v) VALUES ('left')");
$first->close();
$second = open('p:127.0.0.1');
say('persistent', [ask($second, 'SELECT @left'), ask($second, "SELECT COUNT(*) FROM php WHERE v = 'left'")]);
$second->close();

// PDO, which prepares itself or lets the server do it.
foreach ([true, false] as $emulates) foreach ([false, true] as $persistent) {
    $pdo = new PDO("mysql:host=127.0.0.1;port={$task['port']};dbname=test;charset=utf8mb4", 'nextcloud', 'nextcloudpwd', [
        PDO::ATTR_EMULATE_PREPARES => $emulates, PDO::ATTR_PERSISTENT => $persistent, PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
    $name = 'pdo' . (int)$emulates . (int)$persistent;
    $pdo->beginTransaction();
    $insert = $pdo->prepare('INSERT INTO php (v, d) VALUES (:v, :d)');
    $insert->execute(['v' => $name, 'd' => '3.25']);
    $id = $pdo->lastInsertId();
    $pdo->commit();
    $select = $pdo->prepare('SELECT v, d, more FROM php WHERE id = ? AND v LIKE ?');
    $select->execute([$id, 'pdo%']);
    say($name, $select->fetchAll(PDO::FETCH_ASSOC));
    try { $insert->execute(['v' => $name, 'd' => 0]); } catch (PDOException $error) { say($name, $error->errorInfo); }
    $pdo->beginTransaction();
    $pdo->exec("DELETE FROM php WHERE v = '$name'");
    $pdo->rollBack();
    say($name, $pdo->query("SELECT COUNT(*) FROM php WHERE v = '$name'")->fetchColumn());
    $limited = $pdo->prepare('SELECT v FROM php ORDER BY id LIMIT :n');
    $limited->bindValue('n', 2, PDO::PARAM_INT);
    $limited->execute();
    say($name, $limited->fetchAll(PDO::FETCH_COLUMN));
    $pdo = $insert = $select = $limited = null;
}
echo json_encode($said, JSON_THROW_ON_ERROR | JSON_PRETTY_PRINT | JSON_UNESCAPED_UNICODE), "\n";
