<?php
// Plays the steps of a probe at a MySQL port and prints a line of JSON: what each step gave.
// Standard input: {"port": 3306, "steps": ["SELECT 1", ...]}. A step is a text query, byte by byte, unless it begins with
//   "@2 "        for a second connection,
//   "bind:1,2 "  to be prepared and executed with these values,
//   "stale:200"  to insert so many rows and count those that are not read at once.
mysqli_report(MYSQLI_REPORT_OFF);
$task = json_decode(stream_get_contents(STDIN), true);
$open = function () use ($task) {
    $link = mysqli_init();
    $link->options(MYSQLI_OPT_LOCAL_INFILE, 1);
    if (!$link->real_connect('127.0.0.1', 'nextcloud', 'nextcloudpwd', 'test', $task['port'])) {
        fwrite(STDERR, mysqli_connect_error());
        exit(1);
    }
    return $link;
};
function rows($result) {
    $lines = [];
    while ($row = $result->fetch_row()) {
        $lines[] = implode(',', array_map(fn($value) => $value ?? 'NULL', $row));
    }
    return '[' . implode('|', $lines) . ']';
}
function ask($link, $text) {
    $parts = [];
    $ok = $link->multi_query($text);
    while ($ok) {
        $result = $link->store_result();
        $parts[] = $result ? rows($result) : "ok$link->affected_rows";
        if (!$link->more_results()) return implode(' ', $parts);
        $ok = $link->next_result();
    }
    return implode(' ', [...$parts, "E$link->errno"]);
}
function execute($link, $text, $values) {
    $statement = $link->prepare($text);
    if (!$statement) return "E$link->errno";
    if (!$statement->execute($values)) return "E$statement->errno";
    $result = $statement->get_result();
    return $result ? rows($result) : "ok$statement->affected_rows";
}
function stale($link, $count) {
    $missed = 0;
    for ($id = 1; $id <= $count; $id++) {
        $link->query("INSERT INTO own VALUES ($id)");
        $missed += $link->query("SELECT COUNT(*) FROM own WHERE id=$id")->fetch_row()[0] === '1' ? 0 : 1;
    }
    return "stale$missed";
}
$links = [1 => $open()];
$said = [];
foreach ($task['steps'] as $step) {
    $which = 1;
    if (str_starts_with($step, '@2 ')) {
        $which = 2;
        $step = substr($step, 3);
    }
    $link = $links[$which] ??= $open();
    $step = str_replace('{17MB}', str_repeat('x', 17 << 20), $step);
    if (preg_match('/^bind:(\S*) (.*)$/s', $step, $found)) {
        $said[] = execute($link, $found[2], $found[1] === '' ? null : explode(',', $found[1]));
    } elseif (preg_match('/^stale:(\d+)$/', $step, $found)) {
        $said[] = stale($link, (int)$found[1]);
    } else {
        $said[] = ask($link, $step);
    }
}
echo json_encode($said), "\n";
