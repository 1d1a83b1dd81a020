-- A connection for each thread, and another where it was closed between statements. That one has to be made, and to
-- answer, at once: where it does not, sysbench fails. (By itself, with --mysql-ignore-errors, Debian's sysbench crashes
-- when it connects again, without a proxy too.)
function thread_init()
  driver = sysbench.sql.driver()
  connection = driver:connect()
  closed = {}
end

function event()
  local query = string.format("SELECT c FROM sbtest1 WHERE id=%d", sysbench.rand.uniform(1, 1000))
  if not pcall(connection.query, connection, query) then
    closed[#closed + 1] = connection
    connection = driver:connect()
    connection:query(query)
  end
end

function thread_done()
  print(string.format("closed connections: %d", #closed))
end
